import Testing

@testable import ConcurrentFutures

@Suite("What a mangled name says of a captured type")
struct MangledFunctionTypeTests {
    private static let reference = "\u{1}I_eg"

    private func read(_ name: String) -> MangledFunctionType {
        Array(name.utf8).withUnsafeBytes { MangledFunctionType(mangledName: $0) }
    }

    @Test(
        "an escaping Swift function is one",
        arguments: [
            "S2iIegyd_", "Ieg_", "S2iIeghyd_", "S2is5Error_pIegydzo_", "S2iIegydzo_", "SSSiIeggd_",
            "\(reference)SiIegnd_",
            "SS4text_Si3IegtSiIegyd_", "4main3IegVSiIegyd_", "4main0A3FooVIegn_", "AAIIegyd_", "A2_SiIegyd_",
            "\(reference)ySiGSiIsegnr_", "xq_Iegnr_", "x_q0_tIegnr_", "ScA_pSgIegg_", "SiIeghTyd_",
        ]
    )
    func swiftFunction(name: String) {
        #expect(read(name) == .swift(isAsync: false))
    }

    @Test(
        "an async one says so",
        arguments: ["S2iIegHyd_", "S2iIeghHyd_", "S2is5Error_pIeghHydzo_", "IegH_", "SiIegHTd_"]
    )
    func asyncFunction(name: String) {
        #expect(read(name) == .swift(isAsync: true))
    }

    @Test(
        "a function of another form is foreign",
        arguments: [
            "S2iIetChyd_", "S2iIetCyd_", "S2iIetyd_", "S2iIegByd_", "S2iIeyByd_", "S2iIgyd_", "S2iIegyd_Sg",
            "S2iIetCyd_Sg", "S2iIefgyd_", "SiIegyd_IetCgd_", "S2iIetWyd_",
        ]
    )
    func foreignFunction(name: String) {
        #expect(read(name) == .foreign)
    }

    @Test(
        "a value is no function",
        arguments: [
            "", "Si", "SS", "Sg", "SiSg", "\(reference)", "4main5Iegd_V", "4main3FooVyS2iIegyd_G",
            "S2iIegyd__S2iIegyd_t",
            "S2iIegyd_m", "yyc", "yyYbc", "yp", "s5Error_p", "AA_", "x", "q_", "9Ieg_", "\u{1}Ieg_", "\u{2}Ieg_Sg",
            "Ieg", "egyd_", "I_", "Ie_", "S2iIeAgyd_", "S2iIeAghHyd_", "S2iIegAyd_", "0", "00", "SI_", "AIeg_", "S",
            "A",
        ]
    )
    func value(name: String) {
        #expect(read(name) == .noFunction)
    }
}
