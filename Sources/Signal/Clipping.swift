// Also Embedded Swift: typed throws, no key paths, no casts.
// Clip modes and sample formats. Reference: prevent_clip and encode_wav in demucs/audio.py.

import System

/// How samples beyond ±1 are brought into range before they are written.
public enum ClipMode: String, Sendable, CaseIterable {
    /// The whole stem is divided by max(1.01 · peak, 1).
    case rescale
    /// Samples are limited to ±0.99.
    case clamp
    /// Samples go through the hyperbolic tangent.
    case tanh
    /// Samples stay as they are, and every sample format limits them to ±1.
    case none
    /// Samples stay as they are, also beyond ±1: for float32 alone.
    case off

    /// Whether stems with a common gain still add up: none of their samples is limited.
    package var keepsSums: Bool { self == .rescale || self == .off }

    /// The divisor of a signal whose largest magnitude is `peak`; 1 where nothing is rescaled.
    package func divisor(peak: Float) -> Float {
        self == .rescale ? max(1.01 * peak, 1) : 1
    }

    /// Brings samples into range.
    package func apply(to samples: UnsafeMutableBufferPointer<Float>, divisor: Float) {
        switch self {
        case .rescale:
            if divisor != 1 {
                for index in samples.indices { samples[index] /= divisor }
            }
        case .clamp:
            for index in samples.indices { samples[index] = min(max(samples[index], -0.99), 0.99) }
        case .tanh:
            // In double precision: the float32 result is then nearly always correctly rounded, as
            // PyTorch's is.
            for index in samples.indices {
                samples[index] = Float(System.tanh(Double(samples[index])))
            }
        case .none, .off:
            break
        }
    }
}

/// How samples become integers of b bits.
package enum IntegerRounding: Sendable {
    /// x · (2^(b−1) − 1) toward zero, as Demucs writes.
    case towardZero
    /// x · 2^(b−1) to the nearest. Readers divide by 2^(b−1), so integers that were read keep their
    /// values.
    case nearest
}

/// Format of a sample in a file.
public enum SampleFormat: String, Sendable, CaseIterable {
    /// 16-bit integers: x · 32,767 rounded toward zero.
    case int16
    /// 24-bit integers: x · 8,388,607 rounded toward zero.
    case int24
    /// 32-bit floats.
    case float32

    package var sampleBytes: Int {
        switch self {
        case .int16: 2
        case .int24: 3
        case .float32: 4
        }
    }
}
