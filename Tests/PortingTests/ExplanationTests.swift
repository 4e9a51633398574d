import HTDemucs
import Porting
import TestSupport
import Testing
import Tracks

/// What `compare` says of a wrong value, for values that are wrong in known ways.
@Suite struct ExplanationTests {
    /// Channels, frequencies, frames.
    private static let shape = [6, 32, 20]
    private static let values = noise(1, shape.reduce(1, *))

    private static func noise(_ seed: UInt64, _ count: Int) -> [Float] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in random.float() }
    }

    /// The element of our value at a place.
    private static func ours(_ c: Int, _ f: Int, _ t: Int) -> Float {
        values[(c * shape[1] + f) * shape[2] + t]
    }

    private static func filled(_ element: (_ c: Int, _ f: Int, _ t: Int) -> Float) -> [Float] {
        (0..<shape[0]).flatMap { c in
            (0..<shape[1]).flatMap { f in (0..<shape[2]).map { t in element(c, f, t) } }
        }
    }

    private func explain(_ found: [Float], feeds: [NamedTensor] = []) -> Explanation? {
        Explanation(
            of: NamedTensor("encoder.1", Self.shape, found),
            reference: NamedTensor("encoder.1", Self.shape, Self.values), feeds: feeds)
    }

    static let cases: [(String, [Float])] = [
        ("ours × 0.5", filled { ours($0, $1, $2) / 2 }),
        ("ours with the opposite sign", filled { -ours($0, $1, $2) }),
        (
            "ours, 2 later along the frames",
            filled { c, f, t in t < 2 ? 1 : ours(c, f, t - 2) }
        ),
        (
            "ours, 1 earlier along the frequencies",
            filled { c, f, t in f == 31 ? 0 : ours(c, f + 1, t) }
        ),
        ("ours with the frequencies in reverse", filled { c, f, t in ours(c, 31 - f, t) }),
        (
            "ours with the halves of the channels swapped",
            filled { c, f, t in ours((c + 3) % 6, f, t) }
        ),
        ("ours with the channels swapped in pairs", filled { c, f, t in ours(c ^ 1, f, t) }),
        (
            "ours but for the last 2 frames",
            filled { c, f, t in t < 18 ? ours(c, f, t) : 0 }
        ),
        (
            "ours but for channel 4",
            filled { c, f, t in c == 4 ? ours(c, f, t) * ours(c, f, t) : ours(c, f, t) }
        ),
        (
            "ours but for frequencies 3, 17",
            filled { c, f, t in f == 3 || f == 17 ? 7 : ours(c, f, t) }
        ),
        (
            "ours but for the first frame",
            filled { c, f, t in t == 0 ? 3 : ours(c, f, t) }
        ),
        (
            "ours but for frequencies 8 to 11",
            filled { c, f, t in 8..<12 ~= f ? 3 : ours(c, f, t) }
        ),
        (
            "ours with other factors for the channels",
            filled { c, f, t in ours(c, f, t) * Float(c + 1) }
        ),
        (
            "ours with other offsets for the channels",
            filled { c, f, t in ours(c, f, t) + Float(c) }
        ),
    ]

    @Test(arguments: cases)
    func aKnownFaultIsExplained(_ text: String, _ found: [Float]) throws {
        let explanation = try #require(explain(found))
        #expect(explanation.text == text)
        #expect(explanation.snrDecibels > 110)
    }

    @Test func transposedAxesAreExplainedInBothShapes() throws {
        let ours = NamedTensor("encoder.1", Self.shape, Self.values)
        let moved = NamedTensor("encoder.1", Self.shape, Self.values, permuted: [1, 0, 2])
        for shape in [moved.shape, Self.shape] {
            let explanation = try #require(
                Explanation(
                    of: NamedTensor("encoder.1", shape, moved.values), reference: ours, feeds: []))
            #expect(explanation.text == "ours with its axes in the order 1, 0, 2")
        }
    }

    @Test func anAddedPartOfAnotherSizeIsExplainedByWhatItIsAddedTo() throws {
        let feed = NamedTensor("encoder.0", Self.shape, Self.noise(2, Self.values.count))
        let found = zip(feed.values, Self.values).map { $0 + 5 * ($1 - $0) }
        let explanation = try #require(explain(found, feeds: [feed]))
        #expect(explanation.text == "encoder.0 plus 5 times what should be added")
    }

    @Test func nothingIsSaidOfWhatHasNoSimpleExplanation() {
        #expect(explain(Self.noise(3, Self.values.count)) == nil)
        // As close as rounding explains.
        #expect(explain(Self.values.map { $0 * (1 + 1e-6) }) == nil)
        #expect(explain(Self.values.map { _ in Float.nan }) == nil)
        #expect(explain(Self.values.map { _ in 0 }) == nil)
    }
}
