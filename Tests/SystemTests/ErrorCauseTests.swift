import Foundation
import System
import TestSupport
import Testing

struct ErrorCauseTests {
    private struct Unknown: Error {}

    @Test func errorsWithoutACauseAreInternal() {
        #expect(ErrorCause(of: Unknown()) == .internal)
        #expect(ErrorCause(of: SystemError(code: 2)) == .system)
        #expect(ErrorCause(of: CancellationError()) == .cancelled)
    }

    /// Errors that are caught where they are thrown, and the doors' own.
    private static let withoutCause: Set = [
        "TooLong", "Expected", "ConnectionFailure", "YAMLFailure", "NoCopy", "Broken",
        "FormatFailure", "JSONError", "CallError", "Problem", "LedgerError",
    ]

    /// Otherwise a new type of error would be an internal one in every door.
    @Test func everyTypeOfErrorHasACause() throws {
        let folder = Fixture.url("../..").standardized.appendingPathComponent("Sources")
        let names = try #require(FileManager.default.enumerator(atPath: folder.path))
        var types: Set<String> = []
        var caused: Set<String> = []
        for case let name as String in names where name.hasSuffix(".swift") {
            let text = try String(
                contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
            for match in text.matches(of: /(?:enum|struct|extension) (\w+): ([^{]+) \{/) {
                let protocols = match.2.split(separator: ", ")
                if protocols.contains("CausedError") { caused.insert(String(match.1)) }
                if protocols.contains("Error") { types.insert(String(match.1)) }
            }
        }
        #expect(types.contains("AudioError"))
        #expect(types.subtracting(caused) == Self.withoutCause)
    }
}
