import Signal
import Testing

/// Energies that are whole numbers or binary fractions.
struct SignalToNoiseTests {
    private let reference: [Float] = [3, 4, 0, 0, 6, 8, 0, 0, 3, 0, 4, 0]
    private let values: [Float] = [3, 4, 0.5, 0, 6, 8, 0, 1, 3, 0, 4, 0]

    @Test func energiesAreAddedUp() {
        let whole = SignalToNoise(of: values, against: reference)
        #expect((whole.signal, whole.noise) == (150, 1.25))
        let part = SignalToNoise(of: values, against: reference, in: 0..<4)
        #expect((part.signal, part.noise) == (25, 0.25))
        #expect(abs(part.decibels - 20) < 1e-12)
        var sum = SignalToNoise()
        for (value, reference) in zip(values, reference) { sum.add(value, reference: reference) }
        #expect(sum == whole)
    }

    @Test func theWorstStemCounts() {
        let stems = SignalToNoise.perStem(values, against: reference, count: 3)
        #expect(stems.map(\.signal) == [25, 100, 25])
        #expect(stems.map(\.noise) == [0.25, 1, 0])
        #expect(abs(stems.worstDecibels - 20) < 1e-12)
        #expect(stems[2...].worstDecibels == .infinity)
        #expect([SignalToNoise]().worstDecibels == .infinity)
    }

    @Test func equalSignalsHaveNoNoiseAndSilenceHasNoSignal() {
        #expect(SignalToNoise(of: [0, 0], against: [0, 0]).decibels == .infinity)
        #expect(SignalToNoise(of: [0, 1], against: [0, 0]).decibels == -.infinity)
    }
}
