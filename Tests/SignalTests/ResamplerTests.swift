import Signal
import Tensor
import TestSupport
import Testing

/// The resampler against julius.resample_frac.
struct ResamplerTests {
    private let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    static let goldenRates = [
        (48_000, 44_100), (32_000, 44_100), (22_050, 44_100), (8_000, 44_100), (96_000, 44_100),
        (44_100, 48_000), (44_099, 44_100),
    ]

    @Test(arguments: goldenRates)
    func outputMatchesTheReference(oldHz: Int, newHz: Int) throws {
        let fixture = try Fixture("signal/resample")
        let input = try fixture.floats("input_\(oldHz)_\(newHz)")
        let expected = try fixture.floats("output_\(oldHz)_\(newHz)")
        let resampler = Resampler(from: oldHz, to: newHz)
        let channels = [input.prefix(input.count / 2), input.suffix(input.count / 2)]
        let actual = channels.flatMap { resampler.resample(Array($0), on: backend) }
        let comparison = Comparison(actual: actual, expected: expected)
        // The filters are the reference's but for the last bit of its vectorised sine; what is left
        // is the order of float32 sums over up to 112 taps.
        #expect(comparison.snrDecibels > 125, "\(comparison)")
    }

    @Test
    func signalShorterThanTheFilterMatchesTheReference() throws {
        let fixture = try Fixture("signal/resample")
        let actual = Resampler(from: 48_000, to: 44_100)
            .resample(try fixture.floats("input_short"), on: backend)
        let comparison = Comparison(
            actual: actual, expected: try fixture.floats("output_short"))
        #expect(comparison.snrDecibels > 125, "\(comparison)")
    }

    /// Among them lengths past 2²⁴, where the reference rounds to float32.
    @Test
    func outputLengthsAreTheReferences() throws {
        let fixture = try Fixture("signal/resample")
        let numbers = try fixture.floats("lengths").map { Int($0) }
        for row in stride(from: 0, to: numbers.count, by: 6) {
            let (oldHz, newHz) = (numbers[row], numbers[row + 1])
            let inputCount = numbers[row + 2] * 4096 + numbers[row + 3]
            let expected = numbers[row + 4] * 4096 + numbers[row + 5]
            let actual = Resampler(from: oldHz, to: newHz).outputCount(inputCount: inputCount)
            #expect(actual == expected, "\(inputCount) samples from \(oldHz) Hz to \(newHz) Hz")
        }
    }

    @Test
    func equalRatesReturnTheInput() {
        var random = Noise(seed: 1)
        let signal = random.signal(1000)
        #expect(Resampler(from: 44_100, to: 44_100).resample(signal, on: backend) == signal)
    }

    @Test
    func emptyInputGivesEmptyOutput() {
        #expect(Resampler(from: 48_000, to: 44_100).resample([], on: backend) == [])
    }

    @Test(arguments: [8_000, 44_099, 48_000, 96_000])
    func constantSignalStaysConstant(oldHz: Int) {
        let output = Resampler(from: oldHz, to: 44_100)
            .resample([Float](repeating: 0.5, count: 3000), on: backend)
        #expect(output.allSatisfy { abs($0 - 0.5) < 1e-6 })
    }

    @Test(arguments: [8_000, 44_099, 48_000, 96_000])
    func piecesMakeTheWhole(oldHz: Int) {
        var random = Noise(seed: 3)
        let signal = random.signal(5000)
        let resampler = Resampler(from: oldHz, to: 44_100)
        let whole = resampler.resample(signal, on: backend)
        let pieces = stride(from: 0, to: whole.count, by: 333).flatMap { begin in
            let outputs = begin..<min(begin + 333, whole.count)
            let needed = resampler.inputRange(for: outputs)
            let window = needed.map { signal[min(max($0, 0), signal.count - 1)] }
            return [Float](unsafeUninitializedCapacity: outputs.count) { target, count in
                resampler.resample(
                    window, from: needed.lowerBound, outputs: outputs, into: target.baseAddress!)
                count = outputs.count
            }
        }
        #expect(pieces == whole)
    }

    @Test
    func resultDoesNotDependOnTheNumberOfThreads() throws {
        var random = Noise(seed: 4)
        let signal = random.signal(100_000)
        let results = try [1, 2, 5].map { threads in
            Resampler(from: 48_000, to: 44_100)
                .resample(signal, on: try Backend(threads: threads))
        }
        #expect(results[1] == results[0])
        #expect(results[2] == results[0])
    }
}
