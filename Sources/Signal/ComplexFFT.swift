// The complex Fourier transform under RealFFT: Stockham's self-sorting algorithm for lengths that
// are products of 2, 3 and 5, Bluestein's (1970) chirp convolution for all others.

import CKernels

/// The plan of a forward complex transform of one length. Immutable, so threads share it.
///
/// X[k] = Σₙ x[n] · exp(−2πi·nk / length), without a scale, for `FFT_SIGNALS` signals side by side;
/// kernel_families.h describes the layout of a buffer.
///
/// There is no inverse plan: the inverse is the forward transform of the reversed input,
/// x[−k mod length], which every caller that needs an inverse writes anyway.
final class ComplexFFT: Sendable {
    let length: Int

    /// Capacity of each of the two buffers of ``transform(_:_:with:)``, in elements.
    let capacity: Int

    private let method: Method

    private enum Method: Sendable {
        case stockham([Pass])
        case bluestein(Bluestein)
    }

    init(length: Int) {
        precondition(length >= 1)
        self.length = length
        if let radices = Self.radices(of: length) {
            var remaining = length
            method = .stockham(
                radices.map { radix in
                    defer { remaining /= radix }
                    return Pass(radix: radix, remaining: remaining, stride: length / remaining)
                })
            capacity = length
        } else {
            let bluestein = Bluestein(length: length)
            method = .bluestein(bluestein)
            capacity = bluestein.paddedLength
        }
    }

    /// Transforms the elements of `input`; both buffers are overwritten.
    ///
    /// - Parameters:
    ///   - input: `length` elements, room for `capacity`.
    ///   - spare: room for `capacity` elements; any content.
    /// - Returns: the one of the two buffers that holds the transform.
    func transform(
        _ input: SignalBuffer, _ spare: SignalBuffer, with kernels: kernel_table
    ) -> SignalBuffer {
        switch method {
        case .stockham(let passes):
            var (source, target) = (input, spare)
            for pass in passes {
                kernels.f32_fft_pass(
                    pass.radix, pass.groups, pass.stride, pass.twiddles, source, target)
                swap(&source, &target)
            }
            return source
        case .bluestein(let bluestein):
            return bluestein.transform(input, spare, with: kernels)
        }
    }

    /// Radices of the passes, as few as possible, whose product is the length; nil if a prime above
    /// 5 divides it.
    private static func radices(of length: Int) -> [Int]? {
        var remaining = length
        var radices: [Int] = []
        for radix in [8, 4, 2, 3, 5] {
            while remaining % radix == 0 {
                radices.append(radix)
                remaining /= radix
            }
        }
        return remaining == 1 ? radices : nil
    }
}

/// A buffer of complex elements of `FFT_SIGNALS` signals, or of twice as many real samples.
package typealias SignalBuffer = UnsafeMutablePointer<Float>

/// exp(−2πi · numerator / denominator) for a run of numerators, as (real, imaginary) pairs, evaluated
/// in double.
///
/// Numerators are reduced modulo the denominator first: the cosine of a large angle loses digits.
func rootsOfUnity(_ numerators: some Sequence<Int>, denominator: Int) -> [Float] {
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

    init(radix: Int, remaining: Int, stride: Int) {
        self.radix = radix
        self.stride = stride
        let groups = remaining / radix
        self.groups = groups
        twiddles = rootsOfUnity(
            (0..<groups).flatMap { p in (1..<radix).map { k in p * k } }, denominator: remaining)
    }
}

/// A transform of any length as a convolution with a chirp.
///
/// nk = (n² + k² − (k − n)²) / 2, so X[k] = c[k] · Σₙ (x[n]·c[n]) · c*[k − n] with
/// c[n] = exp(−πi·n² / length). The sum is a convolution, computed as a product of transforms whose
/// length is a power of two.
private final class Bluestein: Sendable {
    let paddedLength: Int
    private let length: Int

    /// c[n] for n < `length`, as (real, imaginary) pairs.
    private let chirp: [Float]

    /// The transform of the conjugate chirp, divided by `paddedLength`: `paddedLength` pairs.
    private let filter: [Float]
    private let inner: ComplexFFT

    init(length: Int) {
        var padded = 1
        while padded < 2 * length - 1 { padded *= 2 }
        let inner = ComplexFFT(length: padded)
        (self.length, paddedLength, self.inner) = (length, padded, inner)
        // n² mod 2·length keeps the angle small: exp(−πi·n² / length) has that period in n².
        let chirp = rootsOfUnity(
            (0..<length).map { n in n * n % (2 * length) }, denominator: 2 * length)
        self.chirp = chirp

        // Only the first of the FFT_SIGNALS signals is used.
        let element = 2 * Int(FFT_SIGNALS)
        var signal = [Float](repeating: 0, count: padded * element)
        var spare = signal
        for n in 0..<length {
            for position in [n, (padded - n) % padded] {
                signal[position * element] = chirp[2 * n]
                signal[position * element + element / 2] = -chirp[2 * n + 1]
            }
        }
        // Plain kernels, so that a plan has the same bits for all instruction sets.
        let kernels = kernels_plain().pointee
        filter = signal.withUnsafeMutableBufferPointer { signal in
            spare.withUnsafeMutableBufferPointer { spare in
                let transformed = inner.transform(
                    signal.baseAddress!, spare.baseAddress!, with: kernels)
                return (0..<2 * padded).map { transformed[$0 * element / 2] / Float(padded) }
            }
        }
    }

    func transform(
        _ input: SignalBuffer, _ spare: SignalBuffer, with kernels: kernel_table
    ) -> SignalBuffer {
        let padded = paddedLength
        for n in 0..<length { multiply(input, n, by: chirp, into: input, n) }
        let element = 2 * Int(FFT_SIGNALS)
        (input + length * element).update(repeating: 0, count: (padded - length) * element)
        let product = inner.transform(input, spare, with: kernels)
        let other = product == input ? spare : input
        // Written backwards, so that the next forward transform is the inverse one.
        for k in 0..<padded {
            multiply(product, k, by: filter, into: other, (padded - k) % padded)
        }
        let result = inner.transform(other, product, with: kernels)
        for k in 0..<length { multiply(result, k, by: chirp, into: result, k) }
        return result
    }

    /// target[position] = source[index] · factors[index]
    private func multiply(
        _ source: SignalBuffer, _ index: Int, by factors: [Float], into target: SignalBuffer,
        _ position: Int
    ) {
        let signals = Int(FFT_SIGNALS)
        let (x, y) = (source + 2 * signals * index, target + 2 * signals * position)
        let (real, imaginary) = (factors[2 * index], factors[2 * index + 1])
        for signal in 0..<signals {
            let (a, b) = (x[signal], x[signals + signal])
            y[signal] = a * real - b * imaginary
            y[signals + signal] = a * imaginary + b * real
        }
    }
}
