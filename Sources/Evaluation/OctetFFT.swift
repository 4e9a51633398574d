// Fourier transforms of eight real signals at once, in double precision: the equations of BSSEval
// are ill-conditioned for music and would amplify the rounding errors of Signal's float32
// transforms.

import System

/// One element of eight real signals, stored as four complex numbers: signals 0 to 3 are the real
/// parts, signals 4 to 7 the imaginary parts.
struct Octet {
    var real: SIMD4<Double>
    var imaginary: SIMD4<Double>

    static let zero = Octet(real: .zero, imaginary: .zero)

    /// Number of signals of an octet.
    static let count = 8

    @inline(__always)
    static func + (a: Octet, b: Octet) -> Octet {
        Octet(real: a.real + b.real, imaginary: a.imaginary + b.imaginary)
    }

    @inline(__always)
    static func - (a: Octet, b: Octet) -> Octet {
        Octet(real: a.real - b.real, imaginary: a.imaginary - b.imaginary)
    }

    /// This number times i.
    @inline(__always)
    var timesI: Octet { Octet(real: -imaginary, imaginary: real) }

    @inline(__always)
    func turned(by w: SIMD2<Double>) -> Octet {
        Octet(real: real * w.x - imaginary * w.y, imaginary: real * w.y + imaginary * w.x)
    }

    /// A pointer to the octets as doubles: sample p of signal s is at p · 8 + s.
    @inline(__always)
    static func samples(
        of octets: UnsafeMutablePointer<Octet>
    ) -> UnsafeMutablePointer<Double> {
        UnsafeMutableRawPointer(octets).assumingMemoryBound(to: Double.self)
    }
}

/// The plan of a transform whose length is a power of four. Immutable: threads share it.
///
/// Forward: X[k] = Σₙ x[n]·exp(−2πi·nk / length) for k = 0 … length/2; the inverse has the opposite
/// sign. Neither is scaled. Stockham's self-sorting algorithm with radix 4 only.
struct OctetFFT: Sendable {
    let length: Int

    /// Bins of a real signal's spectrum, length/2 + 1.
    let bins: Int

    /// Doubles of eight spectra: for each signal its real parts, then its imaginary parts.
    var spectraDoubles: Int { Octet.count * 2 * bins }

    /// exp(−2πi·k / length)
    private let roots: [SIMD2<Double>]

    /// A transform whose length is the next power of four, at least 16.
    init(minimumLength: Int) {
        var length = 16
        while length < minimumLength { length *= 4 }
        self.length = length
        bins = length / 2 + 1
        roots = (0..<length).map { k in
            let angle = -2 * Double.pi * Double(k) / Double(length)
            return SIMD2(cos(angle), sin(angle))
        }
    }

    /// The spectra of eight signals.
    ///
    /// - Parameters:
    ///   - signals: `length` octets, overwritten.
    ///   - spare: `length` octets, overwritten.
    ///   - spectra: `[8, 2, bins]`
    func forward(
        _ signals: UnsafeMutablePointer<Octet>, _ spare: UnsafeMutablePointer<Octet>,
        into spectra: UnsafeMutablePointer<Double>
    ) {
        let z = transform(signals, spare)
        for k in 0..<bins {
            // The even and odd parts of a complex signal's spectrum are the spectra of its real and
            // imaginary parts.
            let (a, b) = (z[k], z[k == 0 ? 0 : length - k])
            let first = Octet(
                real: (a.real + b.real) * 0.5, imaginary: (a.imaginary - b.imaginary) * 0.5)
            let second = Octet(
                real: (a.imaginary + b.imaginary) * 0.5, imaginary: (b.real - a.real) * 0.5)
            for lane in 0..<4 {
                let target = spectra + lane * 2 * bins + k
                target[0] = first.real[lane]
                target[bins] = first.imaginary[lane]
                target[8 * bins] = second.real[lane]
                target[9 * bins] = second.imaginary[lane]
            }
        }
    }

    /// The signals of eight spectra, times `length`.
    ///
    /// - Parameters:
    ///   - spectra: `[8, 2, bins]`
    ///   - buffer: `length` octets, overwritten.
    ///   - spare: `length` octets, overwritten.
    /// - Returns: the one of the two buffers that holds the signals.
    func inverse(
        _ spectra: UnsafePointer<Double>, _ buffer: UnsafeMutablePointer<Octet>,
        _ spare: UnsafeMutablePointer<Octet>
    ) -> UnsafeMutablePointer<Octet> {
        for k in 0..<bins {
            var (first, second) = (Octet.zero, Octet.zero)
            for lane in 0..<4 {
                let source = spectra + lane * 2 * bins + k
                first.real[lane] = source[0]
                first.imaginary[lane] = source[bins]
                second.real[lane] = source[8 * bins]
                second.imaginary[lane] = source[9 * bins]
            }
            // With the bins in reverse order the forward transform gives the inverse one.
            buffer[k] = Octet(
                real: first.real + second.imaginary, imaginary: second.real - first.imaginary)
            buffer[k == 0 ? 0 : length - k] = first + second.timesI
        }
        return transform(buffer, spare)
    }

    /// Transforms four complex signals.
    ///
    /// - Returns: the one of the two buffers that holds the result.
    private func transform(
        _ input: UnsafeMutablePointer<Octet>, _ spare: UnsafeMutablePointer<Octet>
    ) -> UnsafeMutablePointer<Octet> {
        var (x, y) = (input, spare)
        var stride = 1
        roots.withUnsafeBufferPointer { roots in
            while stride < length {
                let groups = length / stride / 4
                let step = stride * groups
                for p in 0..<groups {
                    let w1 = roots[p * stride]
                    let w2 = roots[2 * p * stride]
                    let w3 = roots[3 * p * stride]
                    let source = x + stride * p
                    let target = y + stride * 4 * p
                    for q in 0..<stride {
                        let (a, b) = (source[q], source[q + step])
                        let (c, d) = (source[q + 2 * step], source[q + 3 * step])
                        let (evenSum, evenDifference) = (a + c, a - c)
                        let (oddSum, oddDifference) = (b + d, (b - d).timesI)
                        target[q] = evenSum + oddSum
                        target[q + stride] = (evenDifference - oddDifference).turned(by: w1)
                        target[q + 2 * stride] = (evenSum - oddSum).turned(by: w2)
                        target[q + 3 * stride] = (evenDifference + oddDifference).turned(by: w3)
                    }
                }
                swap(&x, &y)
                stride *= 4
            }
        }
        return x
    }
}
