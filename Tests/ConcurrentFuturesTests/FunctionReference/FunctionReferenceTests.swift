import Foundation
import Testing

@testable import ConcurrentFutures

@Suite("Function references")
struct FunctionReferenceTests {
    @Test("a function that captures no value goes through bytes", arguments: FunctionForm.accepted)
    func accepted(form: FunctionForm) async throws {
        guard case .returns(let expected) = form.expectation else { return }
        #expect(try await form.run(RoundTrip()) == expected)
    }

    @Test("a function that captures a value is refused with its reason", arguments: FunctionForm.refused)
    func refused(form: FunctionForm) async throws {
        do {
            let result = try await form.run(RoundTrip())
            guard case .mayBeRefused(_, let expected) = form.expectation else {
                Issue.record("it was accepted and returned \(result)")
                return
            }
            #expect(result == expected)
        } catch let error as FunctionReferenceError {
            switch form.expectation {
            case .returns: Issue.record("it was refused: \(error)")
            case .isRefused(let refusal), .mayBeRefused(let refusal, _):
                #expect(refusal == FunctionFormRefusal(error), "\(error)")
            }
        }
    }
}

extension FunctionFormRefusal {
    init?(_ error: FunctionReferenceError) {
        switch error.reason {
        case .capturesValue: self = .value
        case .capturesGenericBindings: self = .genericBindings
        case .capturesForeignFunction: self = .foreignFunction
        default: return nil
        }
    }
}
