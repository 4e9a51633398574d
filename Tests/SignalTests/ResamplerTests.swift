import Signal
import TestSupport
import Testing

/// The resampler against julius.resample_frac.
struct ResamplerTests {
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
        let actual = channels.flatMap { resampler.resample(Array($0)) }
        let comparison = Comparison(actual: actual, expected: expected)
        // The filters equal the reference's except for the last bit of its vectorised sine; the
        // other difference is the order of float32 sums over up to 112 taps.
        #expect(comparison.snrDecibels > 125, "\(comparison)")
    }

    @Test
    func signalShorterThanTheFilterMatchesTheReference() throws {
        let fixture = try Fixture("signal/resample")
        let actual = Resampler(from: 48_000, to: 44_100)
            .resample(try fixture.floats("input_short"))
        let comparison = Comparison(
            actual: actual, expected: try fixture.floats("output_short"))
        #expect(comparison.snrDecibels > 125, "\(comparison)")
    }

    /// Includes lengths above 2²⁴, where the reference rounds to float32.
    @Test
    func outputLengthsAreTheReferences() throws {
        let fixture = try Fixture("signal/resample")
        let numbers = try fixture.floats("lengths").map { Int($0) }
        for row in stride(from: 0, to: numbers.count, by: 6) {
            let (oldHz, newHz) = (numbers[row], numbers[row + 1])
            let inputCount = numbers[row + 2] * 4096 + numbers[row + 3]
            let expected = numbers[row + 4] * 4096 + numbers[row + 5]
            let actual = Resampler.outputCount(inputCount: inputCount, from: oldHz, to: newHz)
            #expect(actual == expected, "\(inputCount) samples from \(oldHz) Hz to \(newHz) Hz")
        }
        // Rounded it would be one more, but the convolution gives 147 for each 160 samples and the rest.
        let longest = Resampler.outputCount(inputCount: 38_400_159, from: 48_000, to: 44_100)
        #expect(longest == 35_280_147)
    }

    /// The samples of a block are those whose filters end within the input.
    @Test(arguments: [(8_000, 44_100), (44_100, 8_000), (48_000, 44_100), (2, 1), (1, 2), (3, 2)])
    func noSampleIsMadeBeforeItsInputs(oldHz: Int, newHz: Int) {
        let resampler = Resampler(from: oldHz, to: newHz)
        for inputCount in 0..<1_000 {
            let count = resampler.outputCount(reachingInto: inputCount)
            let last = max(0, count - 1)..<count
            #expect(last.isEmpty || resampler.inputRange(for: last).upperBound <= inputCount)
            #expect(resampler.inputRange(for: count..<count + 1).upperBound > inputCount)
        }
    }

    /// A stream of blocks of any length, even of one sample, for signals of any length.
    @Test(arguments: [(8_000, 44_100), (44_099, 44_100), (48_000, 44_100), (44_100, 44_100)])
    func blocksMakeTheWhole(oldHz: Int, newHz: Int) {
        var random = SplitMix64(seed: 3)
        let resampler = Resampler(from: oldHz, to: newHz)
        for (count, length) in [
            (5000, 1), (5000, 7), (5000, 333), (5000, 4999), (1, 1), (2, 1), (3, 2), (20, 7),
            (0, 1),
        ] {
            let signal = random.floats(count)
            let whole = resampler.resample(signal)
            #expect(whole.count == count * newHz / oldHz)
            #expect(oldHz != newHz || whole == signal)
            var stream = ResamplingStream(resampler, channelCount: 2)
            var output = PlanarAudio(channelCount: 2, sampleRateHz: newHz)
            for start in stride(from: 0, to: count, by: length) {
                let block = Array(signal[start..<min(start + length, count)])
                output.append(
                    stream.append(
                        PlanarAudio(channels: [block, block.map { -$0 }], sampleRateHz: oldHz)))
            }
            output.append(stream.finish())
            #expect(output.channels == [whole, whole.map { -$0 }])
        }
    }

    /// The output can have a requested length, so that a signal converted back keeps its length.
    @Test(arguments: [-3, 0, 5])
    func aLengthThatIsAskedForIsKept(difference: Int) {
        var random = SplitMix64(seed: 4)
        let signal = random.floats(1000)
        let resampler = Resampler(from: 44_100, to: 48_000)
        let own = resampler.resample(signal)
        var stream = ResamplingStream(resampler, channelCount: 1)
        let output = stream.outputs(for: signal, count: own.count + difference)
        #expect(output.count == own.count + difference)
        #expect(output.prefix(own.count) == own.prefix(output.count))
    }
}

extension Resampler {
    /// Resamples a whole signal.
    fileprivate func resample(_ signal: [Float]) -> [Float] {
        var stream = ResamplingStream(self, channelCount: 1)
        return stream.outputs(for: signal)
    }
}

extension ResamplingStream {
    /// Resamples a whole signal of one channel.
    fileprivate mutating func outputs(for signal: [Float], count: Int? = nil) -> [Float] {
        var output = append(
            PlanarAudio(channels: [signal], sampleRateHz: 1), limit: count ?? .max)
        output.append(finish(outputCount: count))
        return output.channels[0]
    }
}
