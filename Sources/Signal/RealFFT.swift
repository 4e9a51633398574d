// The Fourier transform of real signals, `FFT_SIGNALS` at once.

import CKernels

/// The plan of a real transform of one even length, forward and inverse. Immutable: threads share it.
///
/// Forward: X[k] = Σₙ x[n]·exp(−2πi·nk / length) for k = 0 … length/2 − 1. Inverse: the sum with the
/// opposite sign over the whole conjugate-symmetric spectrum. Neither is scaled, so forward and
/// inverse together multiply by `length`. The bin of the Nyquist frequency, k = length/2, is left
/// out by the forward transform and zero in the inverse: the network does not see it.
///
/// Two neighbouring samples are one complex number of a transform of half the length.
///
/// PyTorch: `torch.fft.rfft(x)[..., :-1]` and `torch.fft.irfft(norm="forward")`.
package struct RealFFT: Sendable {
    /// Samples of a signal.
    package let length: Int

    /// Bins of a spectrum: length/2.
    package let bins: Int

    /// Capacity of each of the two buffers of a transform, in floats.
    package let bufferFloats: Int

    private let complex: ComplexFFT

    /// exp(−2πi·k / length) for k = 0 ..< bins.
    private let twiddles: [Float]

    /// - Parameter length: even, at least 2.
    package init(length: Int) {
        precondition(length >= 2 && length % 2 == 0)
        self.length = length
        bins = length / 2
        complex = ComplexFFT(length: bins)
        bufferFloats = complex.capacity * 2 * Int(FFT_SIGNALS)
        twiddles = rootsOfUnity(0..<bins, denominator: length)
    }

    /// The spectra of the first `count` signals. Both buffers are overwritten.
    ///
    /// - Parameters:
    ///   - signals: `[sample, signal]`, `length` samples in a buffer of `bufferFloats`.
    ///   - spare: a second buffer of `bufferFloats`.
    ///   - spectra: `[bin, signal]` complex numbers, the first `count` of each bin; those of the
    ///     next bin begin `rowLength` floats later.
    package func forward(
        _ signals: SignalBuffer, spare: SignalBuffer, into spectra: UnsafeMutablePointer<Float>,
        rowLength: Int, count: Int, with kernels: kernel_table
    ) {
        let transformed = complex.transform(signals, spare, with: kernels)
        kernels.f32_rfft_bins(bins, count, twiddles, transformed, spectra, rowLength)
    }

    /// The signals of spectra. The imaginary part of bin 0 is ignored: a real signal has none there.
    ///
    /// - Parameters:
    ///   - spectra: as ``forward(_:spare:into:rowLength:count:with:)`` writes them.
    ///   - first, second: two buffers of `bufferFloats`, both overwritten.
    /// - Returns: the one of the two that begins with the signals, `[sample, signal]`; signals
    ///   from `count` on are zero.
    package func inverse(
        _ spectra: UnsafePointer<Float>, rowLength: Int, count: Int, _ first: SignalBuffer,
        _ second: SignalBuffer, with kernels: kernel_table
    ) -> SignalBuffer {
        kernels.f32_irfft_bins(bins, count, twiddles, spectra, rowLength, first)
        return complex.transform(first, second, with: kernels)
    }
}
