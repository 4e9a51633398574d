// Also Embedded Swift: typed throws, no key paths, no casts.
/// Energies of a reference and of the differences from it, added up in double precision.
package struct SignalToNoise: Sendable, Equatable {
    /// Σ reference²
    package private(set) var signal: Double
    /// Σ (reference − value)²
    package private(set) var noise: Double

    package init(signal: Double = 0, noise: Double = 0) {
        self.signal = signal
        self.noise = noise
    }

    /// The energies of values and as many reference values, or of a part of both.
    package init(
        of values: [Float], against reference: [Float], in part: Range<Int>? = nil
    ) {
        self.init()
        for index in part ?? 0..<min(values.count, reference.count) {
            add(values[index], reference: reference[index])
        }
    }

    /// The energies of each stem.
    ///
    /// - Parameters:
    ///   - stems: `[stem, …]`, row-major.
    ///   - reference: the same shape as `stems`.
    ///   - count: number of stems.
    package static func perStem(
        _ stems: [Float], against reference: [Float], count: Int
    ) -> [SignalToNoise] {
        let length = reference.count / count
        return (0..<count).map { stem in
            let range = stem * length..<(stem + 1) * length
            return SignalToNoise(of: stems, against: reference, in: range)
        }
    }

    package mutating func add(_ value: Float, reference: Float) {
        let error = Double(reference) - Double(value)
        signal += Double(reference) * Double(reference)
        noise += error * error
    }

    /// The signal-to-noise ratio in dB, 10·log10(Σ reference² / Σ (reference − value)²); infinite
    /// if all values are equal, even if both signals are silent.
    package var decibels: Double { noise == 0 ? .infinity : 10 * logarithm10(signal / noise) }
}

extension Sequence<SignalToNoise> {
    /// The lowest signal-to-noise ratio in dB; infinite if the sequence is empty.
    package var worstDecibels: Double { map { $0.decibels }.min() ?? .infinity }
}
