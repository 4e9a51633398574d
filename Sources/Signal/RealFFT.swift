// Also Embedded Swift: typed throws, no key paths, no casts.
// The Fourier transform of real signals, `FFT_SIGNALS` at once: Stockham's self-sorting algorithm on
// half as many complex numbers.

import CKernels

/// The plan of a real transform of one length, a power of two, forward and inverse. Immutable:
/// threads share it.
///
/// Forward: X[k] = Σₙ x[n]·exp(−2πi·nk / length) for k = 0 … length/2 − 1, and for k = length/2 if
/// the plan keeps the bin of the Nyquist frequency. Inverse: the sum with the opposite sign over the
/// whole conjugate-symmetric spectrum, where a bin that the plan doesn't keep is zero. Neither is
/// scaled, so forward and inverse together multiply by `length`.
///
/// Two neighbouring samples are one complex number of a transform of half the length.
///
/// PyTorch: `torch.fft.rfft(x)`, without the last bin if it isn't kept, and
/// `torch.fft.irfft(norm="forward")`.
package struct RealFFT: Sendable {
    /// Samples of a signal.
    package let length: Int

    /// Whether spectra have the bin of the Nyquist frequency.
    package let keepsNyquist: Bool

    /// Complex elements of the transform of half the length: length/2.
    private let elements: Int

    /// Bins of a spectrum: length/2, and one more with the Nyquist frequency.
    package var bins: Int { elements + (keepsNyquist ? 1 : 0) }

    /// Capacity of each of the two buffers of a transform, in floats.
    package let bufferFloats: Int

    private let passes: [Pass]

    /// exp(−2πi·k / length) for k = 0 ..< elements.
    private let twiddles: [Float]

    /// - Parameters:
    ///   - length: a power of two, at least 2.
    ///   - keepsNyquist: whether spectra have the bin of the Nyquist frequency.
    package init(length: Int, keepsNyquist: Bool = false) {
        precondition(length >= 2 && length & (length - 1) == 0)
        self.length = length
        self.keepsNyquist = keepsNyquist
        elements = length / 2
        bufferFloats = elements * 2 * Int(FFT_SIGNALS)
        passes = Pass.all(for: elements)
        twiddles = rootsOfUnity(0..<elements, denominator: length)
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
        let transformed = transform(signals, spare, with: kernels)
        kernels.f32_rfft_bins(elements, count, twiddles, transformed, spectra, rowLength)
        guard keepsNyquist else { return }
        // The even samples minus the odd ones: element 0 has their sums as its two parts.
        let nyquist = spectra + elements * rowLength
        for signal in 0..<count {
            nyquist[2 * signal] = transformed[signal] - transformed[Int(FFT_SIGNALS) + signal]
            nyquist[2 * signal + 1] = 0
        }
    }

    /// The signals of spectra. The imaginary parts of bin 0 and of the Nyquist frequency are ignored:
    /// a real signal has none there.
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
        kernels.f32_irfft_bins(elements, count, twiddles, spectra, rowLength, first)
        if keepsNyquist {
            let nyquist = spectra + elements * rowLength
            for signal in 0..<count {
                first[signal] += nyquist[2 * signal]
                first[Int(FFT_SIGNALS) + signal] -= nyquist[2 * signal]
            }
        }
        return transform(first, second, with: kernels)
    }

    /// The complex transforms, X[k] = Σₙ x[n] · exp(−2πi·nk / elements), without a
    /// scale. Both buffers are overwritten; kernel_families.h describes their layout.
    ///
    /// There is no inverse one: the inverse is the forward transform of the reversed input,
    /// x[−k mod bins], which `f32_irfft_bins` writes.
    ///
    /// - Returns: the one of the two buffers that holds the transforms.
    private func transform(
        _ input: SignalBuffer, _ spare: SignalBuffer, with kernels: kernel_table
    ) -> SignalBuffer {
        var (source, target) = (input, spare)
        for pass in passes {
            kernels.f32_fft_pass(
                pass.radix, pass.groups, pass.stride, pass.twiddles, source, target)
            swap(&source, &target)
        }
        return source
    }
}

/// A buffer of complex elements of `FFT_SIGNALS` signals, or of twice as many real samples.
package typealias SignalBuffer = UnsafeMutablePointer<Float>

/// exp(−2πi · numerator / denominator) for a run of numerators, as (real, imaginary) pairs, evaluated
/// in double.
///
/// Numerators are reduced modulo the denominator first: the cosine of a large angle loses digits.
private func rootsOfUnity(_ numerators: some Sequence<Int>, denominator: Int) -> [Float] {
    numerators.flatMap { numerator in
        let angle = -2 * Double.pi * Double(numerator % denominator) / Double(denominator)
        return [Float(cosine(angle)), Float(sine(angle))]
    }
}

/// The arguments of `f32_fft_pass`: n = `remaining` points still to be transformed, n / radix
/// groups, and `stride` points already transformed.
private struct Pass: Sendable {
    let radix: Int
    let groups: Int
    let stride: Int

    /// exp(−2πi·pk / n): for each group p the factors of k = 1 ..< radix.
    let twiddles: [Float]

    /// The passes of a length, a power of two: as few as possible.
    static func all(for length: Int) -> [Pass] {
        var passes: [Pass] = []
        var remaining = length
        while remaining > 1 {
            let radix = min(8, remaining)
            passes.append(Pass(radix: radix, remaining: remaining, stride: length / remaining))
            remaining /= radix
        }
        return passes
    }

    private init(radix: Int, remaining: Int, stride: Int) {
        self.radix = radix
        self.stride = stride
        let groups = remaining / radix
        self.groups = groups
        twiddles = rootsOfUnity(
            (0..<groups).flatMap { p in (1..<radix).map { k in p * k } }, denominator: remaining)
    }
}
