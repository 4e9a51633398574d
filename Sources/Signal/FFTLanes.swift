// What the Fourier transforms compute on: eight independent signals side by side.

/// The same element of eight signals, one per lane.
///
/// Transforming eight frames at once keeps every butterfly free of shuffles: the arithmetic of one
/// signal, written once, is the SIMD code.
package typealias Lanes = SIMD8<Float>

/// The same complex element of eight signals.
///
/// Its memory is that of two `Lanes` in a row, so a real signal of even length *is* a complex one of
/// half the length: even samples the real parts, odd samples the imaginary ones.
package struct ComplexLanes {
    package var real: Lanes
    package var imaginary: Lanes

    @inline(__always)
    package init(_ real: Lanes, _ imaginary: Lanes) {
        self.real = real
        self.imaginary = imaginary
    }

    /// Zero in every lane.
    package static var zero: ComplexLanes { ComplexLanes(.zero, .zero) }

    /// The complex conjugate.
    @inline(__always)
    var conjugate: ComplexLanes { ComplexLanes(real, -imaginary) }

    /// This number times i.
    @inline(__always)
    var timesI: ComplexLanes { ComplexLanes(-imaginary, real) }

    @inline(__always)
    static func + (a: ComplexLanes, b: ComplexLanes) -> ComplexLanes {
        ComplexLanes(a.real + b.real, a.imaginary + b.imaginary)
    }

    @inline(__always)
    static func - (a: ComplexLanes, b: ComplexLanes) -> ComplexLanes {
        ComplexLanes(a.real - b.real, a.imaginary - b.imaginary)
    }

    @inline(__always)
    static func * (a: ComplexLanes, scale: Float) -> ComplexLanes {
        ComplexLanes(a.real * scale, a.imaginary * scale)
    }

    @inline(__always)
    static func * (a: ComplexLanes, b: ComplexLanes) -> ComplexLanes {
        ComplexLanes(
            a.real * b.real - a.imaginary * b.imaginary,
            a.real * b.imaginary + a.imaginary * b.real)
    }

    @inline(__always)
    static func * (a: ComplexLanes, factor: Twiddle) -> ComplexLanes {
        ComplexLanes(
            a.real * factor.real - a.imaginary * factor.imaginary,
            a.real * factor.imaginary + a.imaginary * factor.real)
    }
}

/// A complex constant, the same for every lane: a root of unity, mostly.
struct Twiddle {
    let real: Float
    let imaginary: Float

    init(real: Float, imaginary: Float) {
        self.real = real
        self.imaginary = imaginary
    }

    /// exp(−2πi · numerator / denominator), evaluated in double.
    ///
    /// The numerator is reduced first: the cosine of a large angle loses digits.
    init(numerator: Int, denominator: Int) {
        let angle = -2 * Double.pi * Double(numerator % denominator) / Double(denominator)
        real = Float(cosine(angle))
        imaginary = Float(sine(angle))
    }

    var conjugate: Twiddle { Twiddle(real: real, imaginary: -imaginary) }
}
