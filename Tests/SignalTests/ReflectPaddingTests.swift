import Signal
import TestSupport
import Testing

/// The padding's index map against pad1d.
struct ReflectPaddingTests {
    /// (samples, left, right): samples longer than the padding, just too short on each side, with
    /// zeros on the right, and with zeros on both sides.
    static let goldenCases = [
        (20, 5, 7), (8, 7, 3), (8, 3, 7), (8, 8, 8), (5, 6, 9), (5, 9, 6), (3, 8, 2), (1, 4, 6),
    ]

    @Test(arguments: goldenCases)
    func indicesMatchTheReference(count: Int, left: Int, right: Int) throws {
        let expected = try Fixture("signal/pad1d").floats("padded_\(count)_\(left)_\(right)")
        let padding = ReflectPadding(count: count, left: left, right: right)
        #expect(padding.paddedCount == expected.count)
        // Sample n of the fixture is n + 1, and its padding zeros are 0.
        let actual = (0..<padding.paddedCount).map { position in
            padding.source(at: position).map { Float($0 + 1) } ?? 0
        }
        #expect(actual == expected)
    }
}
