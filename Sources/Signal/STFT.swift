// The spectrogram of the frequency branch, and the way back. Reference: HTDemucs._spec and _ispec
// in htdemucs.py, over torch.stft and torch.istft.

import Tensor

/// The short-time Fourier transform as HTDemucs frames it: `ceil(samples / hop)` frames, one for each
/// hop of the input, so that both branches of the network stay aligned.
///
/// Hop nfft/4, periodic Hann window, scaled by 1/√nfft in both directions. The input is reflected by
/// 3/2 hops on the left, and on the right by as much plus the rest to a whole hop; frame t begins at
/// sample t·hop of that padded signal. (`torch.stft` pads once more and the reference drops the
/// frames that see it, except for the one sample either side of an `nfft` that is no multiple of
/// four.) The Nyquist bin is dropped, and is zero on the way back.
///
/// Work is done in blocks of frames that do not depend on the number of threads, so neither do the
/// results.
package struct STFT: Sendable {
    /// Samples of a frame.
    package let nfft: Int

    /// Samples from one frame to the next: nfft / 4.
    package let hop: Int

    /// Bins that are kept: nfft / 2.
    package let bins: Int

    /// What lies beyond the ends of the signal.
    package enum Framing: Sendable {
        /// Reflections, which the inverse cuts off again.
        case reflected
        /// Zeros, which the inverse leaves in place, as early hybrid models were trained: the signal
        /// comes back 3/2 hops late, its first hop divided by what the frames that exist there sum up
        /// to. Demucs: `hybrid_old`.
        case hybridOld
    }

    let framing: Framing

    let fft: RealFFT

    /// The window and the scale of the forward transform.
    let analysisWindow: [Float]

    /// The window and the scale of the inverse, and the division by the overlapping squared windows.
    let synthesisWindow: [Float]

    /// Factors of the first hop of the inverse; empty where they are one.
    let firstHopGains: [Float]

    /// Whether the reference can frame with this `nfft`: even, for the inverse, and with an even
    /// hop, for a whole number of frames.
    package static func supports(nfft: Int) -> Bool {
        nfft >= 8 && nfft % 2 == 0 && nfft / 4 % 2 == 0
    }

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
        // The reference pads two frames of zeros on each side; a fourth one is missing there.
        firstHopGains =
            framing == .reflected
            ? []
            : (0..<hop).map { n in
                let last = window[n + nfft - hop]
                return Float(overlap[n] / (overlap[n] - last * last))
            }
    }

    /// Frames of a signal: one for each hop, whole or begun.
    package func frames(samples: Int) -> Int { (samples + hop - 1) / hop }

    /// The first sample of frame 0 in the padded signal: 0, or −1 if `nfft` is no multiple of four.
    var firstFrameStart: Int { 2 * hop - nfft / 2 }

    /// Samples of the padding that the inverse cuts off.
    var cut: Int { framing == .reflected ? padding : 0 }

    /// Padding of the signal on the left, and the least on the right: 3/2 hops.
    var padding: Int { hop / 2 * 3 }

    /// Floats of the two buffers that the transform of one block of signals needs.
    var scratchFloats: Int { 2 * fft.bufferFloats }
}
