// The STFT of the spectrogram branch and its inverse. Reference: HTDemucs._spec and _ispec in
// htdemucs.py, over torch.stft and torch.istft.

import Tensor

/// The short-time Fourier transform as HTDemucs frames it: `ceil(samples / hop)` frames, one for each
/// hop of the input, so that both branches of the network stay aligned.
///
/// Hop nfft/4, periodic Hann window, scaled by 1/√nfft in both directions. The input is padded by
/// reflection: 3/2 hops on the left, and on the right 3/2 hops plus the rest to a whole hop. Frame
/// t begins at sample t·hop of the padded signal. (`torch.stft` pads once more, and the reference
/// drops the frames in that padding.) The forward transform drops the Nyquist bin; the inverse takes
/// it as zero.
///
/// Work is cut into blocks of frames that do not depend on the number of threads, so the results
/// don't depend on it either.
package struct STFT: Sendable {
    /// Samples of a frame.
    package let nfft: Int

    /// Samples from one frame to the next: nfft / 4.
    package let hop: Int

    /// Bins that are kept: nfft / 2.
    package let bins: Int

    /// Padding at the ends of the signal.
    package enum Framing: Sendable {
        /// Reflection; the inverse cuts it off again.
        case reflected
        /// Zeros that the inverse leaves in place, as early hybrid models were trained: the signal
        /// comes back 3/2 hops late, its first hop divided by the sum of the squared windows that
        /// exist there. Demucs: `hybrid_old`.
        case hybridOld
    }

    let framing: Framing

    let fft: RealFFT

    /// Window of the forward transform, times its scale.
    let analysisWindow: [Float]

    /// Window of the inverse, times its scale, divided by the sum of the overlapping squared
    /// windows.
    let synthesisWindow: [Float]

    /// Factors for the samples of the inverse's first hop; empty if all are one.
    let firstHopGains: [Float]

    /// Whether `nfft` is a power of two with an even hop: the padding is 3/2 hops. (The published
    /// models have 4096; the reference runs with any multiple of 8.)
    package static func supports(nfft: Int) -> Bool { nfft >= 8 && nfft & (nfft - 1) == 0 }

    /// - Parameter nfft: a length that ``supports(nfft:)``.
    package init(nfft: Int, framing: Framing = .reflected) {
        precondition(Self.supports(nfft: nfft))
        self.nfft = nfft
        self.framing = framing
        hop = nfft / 4
        bins = nfft / 2
        fft = RealFFT(length: nfft)

        let window = (0..<nfft).map { n in
            0.5 - 0.5 * cosine(2 * Double.pi * Double(n) / Double(nfft))
        }
        // Every kept sample lies under a full set of frames, so the sum of their squared windows
        // depends only on its place within a hop.
        var overlap = [Double](repeating: 0, count: hop)
        for n in 0..<nfft { overlap[n % hop] += window[n] * window[n] }
        let scale = 1 / Double(nfft).squareRoot()
        analysisWindow = window.map { Float($0 * scale) }
        let hop = hop
        synthesisWindow = window.indices.map { Float(window[$0] * scale / overlap[$0 % hop]) }
        // The reference pads two frames of zeros on each side, so the first hop lies under three
        // frames instead of four.
        firstHopGains =
            framing == .reflected
            ? []
            : (0..<hop).map { n in
                let last = window[n + nfft - hop]
                return Float(overlap[n] / (overlap[n] - last * last))
            }
    }

    /// Number of frames of a signal: samples / hop, rounded up.
    package func frames(samples: Int) -> Int { (samples + hop - 1) / hop }

    /// Samples of the padding that the inverse cuts off.
    var cut: Int { framing == .reflected ? padding : 0 }

    /// Padding of the signal on the left, and the least padding on the right: 3/2 hops.
    var padding: Int { hop / 2 * 3 }

    /// Size of the two buffers for the transform of one block of signals, in floats.
    var scratchFloats: Int { 2 * fft.bufferFloats }
}
