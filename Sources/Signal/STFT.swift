// Also Embedded Swift: typed throws, no key paths, no casts.
// The STFT of a network's spectrogram and its inverse. Reference: HTDemucs._spec and _ispec in
// htdemucs.py, over torch.stft and torch.istft, and torch.stft as the RoFormers call it.

import Tensor

/// The short-time Fourier transform, with a periodic Hann window, as networks frame it.
///
/// Work is cut into blocks of frames that do not depend on the number of threads, so the results
/// don't depend on it either.
package struct STFT: Sendable {
    /// Samples of a frame.
    package let nfft: Int

    /// Samples from one frame to the next.
    package let hop: Int

    package var bins: Int { fft.bins }

    /// How a signal is cut into frames.
    package enum Framing: Sendable, Equatable {
        /// As HTDemucs: hop nfft/4, ceil(samples / hop) frames, one for each hop of the input, so
        /// that both branches of the network stay aligned. Scaled by 1/√nfft in both directions. The
        /// input is padded by reflection: 3/2 hops on the left, and on the right 3/2 hops plus the
        /// rest to a whole hop. (`torch.stft` pads once more, and the reference drops the frames in
        /// that padding.) The forward transform drops the Nyquist bin; the inverse takes it as zero.
        case reflected
        /// ``reflected``, padded by zeros that the inverse leaves in place, as early hybrid models
        /// were trained: the signal comes back 3/2 hops late, its first hop divided by the sum of
        /// the squared windows that exist there. Demucs: `hybrid_old`.
        case hybridOld
        /// As `torch.stft(center=True)`: any hop up to nfft/4, samples / hop + 1 frames, of which
        /// frame t has sample t·hop in its middle; unscaled, with the Nyquist bin. The input is
        /// padded by reflection; the inverse divides by the sum of the squared windows that exist.
        case centred(hop: Int)
    }

    let framing: Framing

    let fft: RealFFT

    /// Window of the forward transform, times its scale.
    let analysisWindow: [Float]

    /// Window of the inverse, times its scale, divided by the sum of the overlapping squared
    /// windows.
    let synthesisWindow: [Float]

    /// `[hop]`: the sum of the squared windows at each place of a hop that lies under a full set of
    /// frames.
    private let overlap: [Double]

    /// Whether `nfft` is a power of two with an even hop: the padding is 3/2 hops. (The published
    /// models have 4096; the reference runs with any multiple of 8.)
    package static func supports(nfft: Int) -> Bool { nfft >= 8 && nfft & (nfft - 1) == 0 }

    /// - Parameter nfft: a length that ``supports(nfft:)``.
    package init(nfft: Int, framing: Framing = .reflected) {
        precondition(Self.supports(nfft: nfft))
        self.nfft = nfft
        self.framing = framing
        let hop: Int
        // The scales of the forward transform and of the inverse; together they divide by nfft.
        let scale: Double
        let inverseScale: Double
        if case .centred(let given) = framing {
            precondition((1...nfft / 4).contains(given))
            (hop, scale, inverseScale) = (given, 1, 1 / Double(nfft))
            fft = RealFFT(length: nfft, keepsNyquist: true)
        } else {
            hop = nfft / 4
            scale = 1 / Double(nfft).squareRoot()
            inverseScale = scale
            fft = RealFFT(length: nfft)
        }
        self.hop = hop

        let window = Self.window(nfft)
        // Nearly every sample lies under a full set of frames, so that the sum of their squared
        // windows depends only on its place within a hop; `gains` has the others.
        var overlap = [Double](repeating: 0, count: hop)
        for n in 0..<nfft { overlap[n % hop] += window[n] * window[n] }
        self.overlap = overlap
        analysisWindow = window.map { Float($0 * scale) }
        synthesisWindow = window.indices.map { n in
            Float(window[n] * inverseScale / overlap[n % hop])
        }
    }

    /// The periodic Hann window. PyTorch: `torch.hann_window`.
    private static func window(_ nfft: Int) -> [Double] {
        (0..<nfft).map { 0.5 - 0.5 * cosine(2 * Double.pi * Double($0) / Double(nfft)) }
    }

    /// Number of frames of a signal: samples / hop, rounded up, or one more than it rounded down if
    /// frames are centred.
    package func frames(samples: Int) -> Int {
        if case .centred = framing { return samples / hop + 1 }
        return (samples + hop - 1) / hop
    }

    /// Samples of the padding that the inverse cuts off.
    var cut: Int {
        if case .hybridOld = framing { return 0 }
        return padding
    }

    /// Padding of the signal on the left, and the least padding on the right without `centred`.
    var padding: Int {
        if case .centred = framing { return nfft / 2 }
        return hop / 2 * 3
    }

    /// Padding of the signal on the right, up to the end of the last frame that is needed.
    func paddingOnTheRight(samples: Int) -> Int {
        if case .centred = framing {
            return (frames(samples: samples) - 1) * hop + nfft - padding - samples
        }
        return padding + frames(samples: samples) * hop - samples
    }

    /// Factors for samples of the inverse that lie under fewer frames than a full set: at the
    /// beginning of the signal, and at its end.
    func gains(samples: Int) -> (beginning: [Float], end: [Float]) {
        switch framing {
        case .reflected: return ([], [])
        case .hybridOld:
            // The reference pads two frames of zeros on each side, so the first hop lies under three
            // frames instead of four: the one before the signal is missing.
            let window = Self.window(nfft)
            let gains = (0..<hop).map { n in
                let last = window[n + nfft - hop]
                return Float(overlap[n] / (overlap[n] - last * last))
            }
            return (Array(gains.prefix(samples)), [])
        case .centred:
            let window = Self.window(nfft)
            let frames = frames(samples: samples)
            func gain(_ sample: Int) -> Float {
                let place = sample + padding
                let first = max(0, (place - nfft) / hop + (place < nfft ? 0 : 1))
                var sum = 0.0
                for frame in first..<max(first, min(frames, place / hop + 1)) {
                    let value = window[place - frame * hop]
                    sum += value * value
                }
                return sum > 0 ? Float(overlap[place % hop] / sum) : 0
            }
            let edge = min(nfft - padding, samples)
            let end = min(edge, samples - edge)
            return ((0..<edge).map(gain), (samples - end..<samples).map(gain))
        }
    }

    /// Size of the two buffers for the transform of one block of signals, in floats.
    var scratchFloats: Int { 2 * fft.bufferFloats }
}
