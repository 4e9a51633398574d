import Signal
import Tensor
import TestSupport
import Testing

/// The STFT and its inverse against HTDemucs._spec and _ispec.
struct STFTTests {
    static let goldenCases: [(nfft: Int, samples: Int)] = [
        (256, 640), (256, 1000), (256, 129), (256, 128), (256, 97), (256, 96), (256, 40), (256, 10),
        (256, 1), (4096, 2000),
    ]

    private let backend: Backend

    init() throws {
        backend = try Backend(threads: 2)
    }

    @Test(arguments: goldenCases)
    func forwardMatchesTheReference(nfft: Int, samples: Int) throws {
        let fixture = try Fixture("signal/stft_\(nfft)")
        let signal = backend.tensor([2, samples], try fixture.floats("signal_\(samples)"))
        let spectrogram = STFT(nfft: nfft).forward(signal, on: backend)
        #expect(Array(spectrogram.shape) == (try fixture.shape("spectrogram_\(samples)")))
        let comparison = Comparison(
            actual: spectrogram.floats, expected: try fixture.floats("spectrogram_\(samples)"))
        // Two float32 transforms with different orders of rounding.
        #expect(comparison.snrDecibels > 125, "\(comparison)")
    }

    @Test(arguments: goldenCases)
    func inverseMatchesTheReference(nfft: Int, samples: Int) throws {
        let fixture = try Fixture("signal/stft_\(nfft)")
        let shape = try fixture.shape("inverse_spectrogram_\(samples)")
        let spectrogram = backend.tensor(
            shape, try fixture.floats("inverse_spectrogram_\(samples)"))
        let signal = STFT(nfft: nfft).inverse(spectrogram, samples: samples, on: backend)
        #expect(Array(signal.shape) == (try fixture.shape("inverse_signal_\(samples)")))
        let comparison = Comparison(
            actual: signal.floats, expected: try fixture.floats("inverse_signal_\(samples)"))
        #expect(comparison.snrDecibels > 125, "\(comparison)")
    }

    /// The reference doesn't restore the signal within nfft samples of an end, because it leaves
    /// out the frames that begin in the padding. It drops the Nyquist bin, so the signal has no
    /// energy near it.
    @Test(arguments: [256, 512, 4096], [1, 3])
    func inverseRestoresTheInteriorOfASmoothSignal(nfft: Int, channels: Int) {
        var random = SplitMix64(seed: UInt64(nfft))
        let samples = 3 * nfft + 17
        let values = (0..<channels).map { _ in smooth(random.floats(samples + 12)) }
        let signal = backend.tensor([channels, samples], values.flatMap { $0 })
        let stft = STFT(nfft: nfft)
        let restored = stft.inverse(
            stft.forward(signal, on: backend), samples: samples, on: backend
        ).floats
        let interior = nfft..<samples - nfft
        for channel in 0..<channels {
            let comparison = Comparison(
                actual: interior.map { restored[channel * samples + $0] },
                expected: interior.map { values[channel][$0] })
            #expect(comparison.snrDecibels > 115, "\(comparison)")
        }
    }

    /// For every number of frames up to more than are transformed side by side.
    @Test(arguments: [STFT.Framing.reflected, .hybridOld, .centred(hop: 4)])
    func channelsAreTransformedAsIfTheyWereAlone(framing: STFT.Framing) {
        var random = SplitMix64(seed: 11)
        let stft = STFT(nfft: 16, framing: framing)
        for samples in 40...200 {
            let channels = (0..<3).map { _ in random.floats(samples) }
            let together = stft.forward(
                backend.tensor([3, samples], channels.flatMap { $0 }), on: backend
            ).floats
            for (channel, values) in channels.enumerated() {
                let alone = stft.forward(backend.tensor([1, samples], values), on: backend).floats
                let found = alone.indices.map { together[$0 / 2 * 6 + 2 * channel + $0 % 2] }
                #expect(found == alone, "\(samples) samples, channel \(channel)")
            }
        }
    }

    @Test(arguments: [
        (4096, true), (8, true), (0, false), (4, false), (24, false), (1000, false), (257, false),
        (-8, false),
    ])
    func supportedLengthsArePowersOfTwoWithAnEvenHop(nfft: Int, supported: Bool) {
        #expect(STFT.supports(nfft: nfft) == supported)
    }

    /// The signal after a low-pass with 12 zeros at the Nyquist frequency, 12 samples shorter.
    private func smooth(_ signal: [Float]) -> [Float] {
        (0..<12).reduce(signal) { signal, _ in zip(signal, signal.dropFirst()).map { ($0 + $1) / 2 }
        }
    }
}
