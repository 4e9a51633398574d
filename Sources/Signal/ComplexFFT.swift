// The complex Fourier transform that RealFFT stands on: Stockham's self-sorting algorithm for
// lengths of the primes 2, 3 and 5, Bluestein's (1970) chirp convolution for all others.

/// The plan of a forward complex transform of one length. Immutable, so threads share it.
///
/// X[k] = Σₙ x[n] · exp(−2πi·nk / length), without a scale.
///
/// There is no inverse plan: the inverse is the forward transform of the input read backwards,
/// x[−k mod length], and every caller that needs it writes that input itself anyway.
final class ComplexFFT: Sendable {
    let length: Int

    /// Elements that each of the two buffers of ``transform(_:_:)`` must hold.
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
        _ input: UnsafeMutablePointer<ComplexLanes>, _ spare: UnsafeMutablePointer<ComplexLanes>
    ) -> UnsafeMutablePointer<ComplexLanes> {
        switch method {
        case .stockham(let passes):
            var (source, target) = (input, spare)
            for pass in passes {
                pass.run(source, into: target)
                swap(&source, &target)
            }
            return source
        case .bluestein(let bluestein):
            return bluestein.transform(input, spare)
        }
    }

    /// The length as a product of butterflies, or nil if a prime above 5 divides it.
    private static func radices(of length: Int) -> [Int]? {
        var remaining = length
        var radices: [Int] = []
        for radix in [4, 2, 3, 5] {
            while remaining % radix == 0 {
                radices.append(radix)
                remaining /= radix
            }
        }
        return remaining == 1 ? radices : nil
    }
}

/// One pass over the data: butterflies of one radix, and the twiddles after them.
///
/// With n = `remaining` points still to be transformed, m = n / radix and s = `stride` finished ones,
/// for every p < m and q < s:
/// y[q + s(radix·p + k)] = exp(−2πi·pk / n) · Σⱼ x[q + s(p + m·j)] · exp(−2πi·jk / radix).
private struct Pass: Sendable {
    let radix: Int
    let groups: Int
    let stride: Int

    /// For each p the factors of k = 1 ..< radix.
    let twiddles: [Twiddle]

    init(radix: Int, remaining: Int, stride: Int) {
        self.radix = radix
        self.stride = stride
        let groups = remaining / radix
        self.groups = groups
        twiddles = (0..<groups).flatMap { p in
            (1..<radix).map { k in Twiddle(numerator: p * k, denominator: remaining) }
        }
    }

    func run(
        _ source: UnsafeMutablePointer<ComplexLanes>,
        into target: UnsafeMutablePointer<ComplexLanes>
    ) {
        twiddles.withUnsafeBufferPointer { twiddles in
            for p in 0..<groups {
                let w = UnsafeBufferPointer(
                    rebasing: twiddles[(radix - 1) * p..<(radix - 1) * (p + 1)])
                let x = source + stride * p
                let y = target + stride * radix * p
                switch radix {
                case 2: radix2(x, y, w)
                case 3: radix3(x, y, w)
                case 4: radix4(x, y, w)
                default: radix5(x, y, w)
                }
            }
        }
    }

    private typealias Elements = UnsafeMutablePointer<ComplexLanes>
    private typealias Twiddles = UnsafeBufferPointer<Twiddle>

    @inline(__always)
    private func radix2(_ x: Elements, _ y: Elements, _ w: Twiddles) {
        let step = stride * groups
        let w1 = w[0]
        for q in 0..<stride {
            let (a, b) = (x[q], x[q + step])
            y[q] = a + b
            y[q + stride] = (a - b) * w1
        }
    }

    @inline(__always)
    private func radix3(_ x: Elements, _ y: Elements, _ w: Twiddles) {
        let step = stride * groups
        let (w1, w2) = (w[0], w[1])
        let half: Float = 0.5
        let sin60: Float = 0.866_025_403_784_438_6
        for q in 0..<stride {
            let (a, b, c) = (x[q], x[q + step], x[q + 2 * step])
            let sum = b + c
            let center = a - sum * half
            let turned = ((b - c) * sin60).timesI
            y[q] = a + sum
            y[q + stride] = (center - turned) * w1
            y[q + 2 * stride] = (center + turned) * w2
        }
    }

    @inline(__always)
    private func radix4(_ x: Elements, _ y: Elements, _ w: Twiddles) {
        let step = stride * groups
        let (w1, w2, w3) = (w[0], w[1], w[2])
        for q in 0..<stride {
            let (a, b, c, d) = (x[q], x[q + step], x[q + 2 * step], x[q + 3 * step])
            let (evenSum, evenDifference) = (a + c, a - c)
            let oddSum = b + d
            let oddDifference = (b - d).timesI
            y[q] = evenSum + oddSum
            y[q + stride] = (evenDifference - oddDifference) * w1
            y[q + 2 * stride] = (evenSum - oddSum) * w2
            y[q + 3 * stride] = (evenDifference + oddDifference) * w3
        }
    }

    @inline(__always)
    private func radix5(_ x: Elements, _ y: Elements, _ w: Twiddles) {
        let step = stride * groups
        let (cos72, cos144): (Float, Float) = (0.309_016_994_374_947_4, -0.809_016_994_374_947_4)
        let (sin72, sin144): (Float, Float) = (0.951_056_516_295_153_6, 0.587_785_252_292_473_1)
        for q in 0..<stride {
            let a = x[q]
            let (outerSum, outerDifference) = (
                x[q + step] + x[q + 4 * step], x[q + step] - x[q + 4 * step]
            )
            let (innerSum, innerDifference) = (
                x[q + 2 * step] + x[q + 3 * step], x[q + 2 * step] - x[q + 3 * step]
            )
            let first = a + outerSum * cos72 + innerSum * cos144
            let second = a + outerSum * cos144 + innerSum * cos72
            let firstTurned = (outerDifference * sin72 + innerDifference * sin144).timesI
            let secondTurned = (outerDifference * sin144 - innerDifference * sin72).timesI
            y[q] = a + outerSum + innerSum
            y[q + stride] = (first - firstTurned) * w[0]
            y[q + 2 * stride] = (second - secondTurned) * w[1]
            y[q + 3 * stride] = (second + secondTurned) * w[2]
            y[q + 4 * stride] = (first + firstTurned) * w[3]
        }
    }
}

/// A transform of any length as a convolution with a chirp.
///
/// nk = (n² + k² − (k − n)²) / 2, so X[k] = c[k] · Σₙ (x[n]·c[n]) · c*[k − n] with
/// c[n] = exp(−πi·n² / length); the sum is a product of transforms of a power of two's length.
private final class Bluestein: Sendable {
    let paddedLength: Int
    private let chirp: [Twiddle]

    /// The transform of the conjugate chirp, divided by `paddedLength`.
    private let filter: [Twiddle]
    private let inner: ComplexFFT

    init(length: Int) {
        var padded = 1
        while padded < 2 * length - 1 { padded *= 2 }
        paddedLength = padded
        inner = ComplexFFT(length: padded)
        // n² mod 2·length keeps the angle small: exp(−πi·n² / length) has that period in n².
        let chirp = (0..<length).map { n in
            Twiddle(numerator: n * n % (2 * length), denominator: 2 * length)
        }
        self.chirp = chirp

        var signal = [ComplexLanes](repeating: .zero, count: padded)
        var spare = signal
        for n in 0..<length {
            let value = ComplexLanes(
                Lanes(repeating: chirp[n].real), Lanes(repeating: -chirp[n].imaginary))
            signal[n] = value
            signal[(padded - n) % padded] = value
        }
        let inner = inner
        filter = signal.withUnsafeMutableBufferPointer { signal in
            spare.withUnsafeMutableBufferPointer { spare in
                let transformed = inner.transform(signal.baseAddress!, spare.baseAddress!)
                return (0..<padded).map { k in
                    Twiddle(
                        real: transformed[k].real[0] / Float(padded),
                        imaginary: transformed[k].imaginary[0] / Float(padded))
                }
            }
        }
    }

    func transform(
        _ input: UnsafeMutablePointer<ComplexLanes>, _ spare: UnsafeMutablePointer<ComplexLanes>
    ) -> UnsafeMutablePointer<ComplexLanes> {
        for n in chirp.indices { input[n] = input[n] * chirp[n] }
        for n in chirp.count..<paddedLength { input[n] = .zero }
        let product = inner.transform(input, spare)
        let other = product == input ? spare : input
        // Written backwards, so that the next forward transform is the inverse one.
        for k in 0..<paddedLength {
            other[(paddedLength - k) % paddedLength] = product[k] * filter[k]
        }
        let result = inner.transform(other, product)
        for k in chirp.indices { result[k] = result[k] * chirp[k] }
        return result
    }
}
