import CSystemShims

/// The name of a signal, such as "SIGSEGV".
func signalName(_ signal: Int32) -> String {
    cf_signal_name(signal).map { "SIG" + String(cString: $0) } ?? "signal \(signal)"
}
