// How far a signal lies from its reference.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

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

    /// The energies of equally many values.
    package init(of values: some Sequence<Float>, against reference: some Sequence<Float>) {
        self.init()
        for (value, expected) in zip(values, reference) { add(value, reference: expected) }
    }

    package mutating func add(_ value: Float, reference: Float) {
        let error = Double(reference) - Double(value)
        signal += Double(reference) * Double(reference)
        noise += error * error
    }

    /// The signal-to-noise ratio in dB, 10·log10(Σ reference² / Σ (reference − value)²): infinite if
    /// all values are equal, two silences too.
    package var decibels: Double { noise == 0 ? .infinity : 10 * log10(signal / noise) }
}
