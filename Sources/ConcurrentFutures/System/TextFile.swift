import CSystemShims
import Glibc

/// Reads a small file as text; `nil` if it cannot be read.
func readTextFile(_ path: String) -> String? {
    readFile(path).map { String(decoding: $0, as: UTF8.self) }
}

/// Reads a small file; `nil` if it cannot be read.
func readFile(_ path: String) -> [UInt8]? {
    let file = cf_open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    let chunk = 4096
    while true {
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: chunk))
        let count = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress! + start, chunk) }
        bytes.removeLast(chunk - max(0, count))
        if count <= 0 { return count < 0 ? nil : bytes }
    }
}
