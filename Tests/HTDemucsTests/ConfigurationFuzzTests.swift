// Absurd hyperparameters give a configuration or a `ConfigurationError`, never a trap.

import HTDemucs
import Networks
import TestSupport
import Testing

struct ConfigurationFuzzTests {
    private static let integers = [
        Int.min, Int.min + 1, -4096, -9, -1, 0, 1, 2, 3, 4, 5, 7, 8, 16, 48, 64, 255, 256, 512,
        4096, 65_535, 65_536, 1_048_576, 1 << 32, Int.max - 1, Int.max,
    ]
    private static let numbers = [
        -Double.infinity, -1e308, -1, -0.0, 0, .leastNonzeroMagnitude, 1e-9, 0.5, 1, 1.5, 2, 3, 8,
        1e9, 1e308,
        .infinity, .nan,
    ]

    @Test func absurdValuesGiveAnErrorOrARunnableConfiguration() {
        var random = SplitMix64(seed: 11)
        func draw(_ count: Int) -> Int { random.index(below: count) }
        var accepted = 0
        for _ in 0..<20_000 {
            var values = Configuration.Hyperparameters(
                Architecture.allCases[draw(Architecture.allCases.count)], sources: ["a", "b"])
            for _ in 0...draw(4) {
                Self.change(&values, draw)
            }
            do {
                let configuration = try Configuration(values)
                accepted += 1
                #expect(configuration.layers.count == values.depth)
                #expect(configuration.segmentSamples > 0 && configuration.segmentFrames > 0)
                #expect(configuration.layers.allSatisfy { $0.channelsOut > 0 })
                #expect(configuration.dconvDilations.allSatisfy { $0 > 0 })
            } catch {
                #expect(!error.description.isEmpty)
            }
        }
        #expect(accepted > 100)
    }

    private static func change(
        _ values: inout Configuration.Hyperparameters, _ draw: (Int) -> Int
    ) {
        let wholes: [WritableKeyPath<Configuration.Hyperparameters, Int>] = [
            \.audioChannels, \.samplerate, \.nfft, \.depth, \.channels, \.kernelSize, \.stride,
            \.timeStride, \.context, \.contextEnc, \.normStarts, \.normGroups, \.dconvMode,
            \.dconvDepth, \.dconvAttn, \.dconvLSTM, \.lstmLayers, \.bottomChannels, \.tLayers,
            \.tHeads,
        ]
        let reals: [WritableKeyPath<Configuration.Hyperparameters, Double>] = [
            \.growth, \.freqEmb, \.embScale, \.dconvComp, \.tHiddenScale, \.tMaxPeriod,
            \.tWeightPosEmbed,
        ]
        switch draw(4) {
        case 0, 1: values[keyPath: wholes[draw(wholes.count)]] = integers[draw(integers.count)]
        case 2: values[keyPath: reals[draw(reals.count)]] = numbers[draw(numbers.count)]
        default:
            values.segment =
                draw(2) == 0
                ? .float(numbers[draw(numbers.count)])
                : .fraction(
                    numerator: integers[draw(integers.count)],
                    denominator: integers[draw(integers.count)])
        }
    }
}
