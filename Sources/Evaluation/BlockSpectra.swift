// Buffers for block convolution: spectra of a block of many signals, and their inverse.

/// The spectra of one block of several signals. A thread reuses one object for all blocks.
final class BlockSpectra {
    private let signalCount: Int
    private let fft: OctetFFT
    private var octets: Int { (signalCount + Octet.count - 1) / Octet.count }
    private let spectra: UnsafeMutableBufferPointer<Double>
    private let buffer: UnsafeMutableBufferPointer<Octet>
    private let spare: UnsafeMutableBufferPointer<Octet>

    init(signals: Int, fft: OctetFFT) {
        signalCount = signals
        self.fft = fft
        let octets = (signals + Octet.count - 1) / Octet.count
        spectra = .allocate(capacity: octets * fft.spectraDoubles)
        spectra.initialize(repeating: 0)
        buffer = .allocate(capacity: fft.length)
        buffer.initialize(repeating: .zero)
        spare = .allocate(capacity: fft.length)
        spare.initialize(repeating: .zero)
    }

    deinit {
        spectra.deallocate()
        buffer.deallocate()
        spare.deallocate()
    }

    /// The real parts of a signal's bins, then the imaginary parts. Valid while this object is
    /// alive.
    func spectrum(_ signal: Int) -> UnsafeMutablePointer<Double> {
        spectra.baseAddress! + signal * 2 * fft.bins
    }

    /// Transforms samples `from ..< from + count` of each signal, followed by zeros up to the
    /// transform's length. Samples outside a signal are zero.
    func transform<Sample: BinaryFloatingPoint>(
        _ signals: [[Sample]], from: Int, count: Int
    ) {
        let samples = Octet.samples(of: buffer.baseAddress!)
        for octet in 0..<octets {
            buffer.update(repeating: .zero)
            for lane in 0..<min(Octet.count, signalCount - octet * Octet.count) {
                let signal = signals[octet * Octet.count + lane]
                let inside = max(0, from)..<max(0, from, min(signal.count, from + count))
                for index in inside {
                    samples[(index - from) * Octet.count + lane] = Double(signal[index])
                }
            }
            fft.forward(
                buffer.baseAddress!, spare.baseAddress!,
                into: spectra.baseAddress! + octet * fft.spectraDoubles)
        }
    }

    func clear() { spectra.update(repeating: 0) }

    /// Adds the inverse transforms, scaled by 1 / length, to samples `from ...` of each signal.
    func addSignals(to signals: inout [[Double]], from: Int) {
        let scale = 1 / Double(fft.length)
        for octet in 0..<octets {
            let samples = Octet.samples(
                of: fft.inverse(
                    spectra.baseAddress! + octet * fft.spectraDoubles, buffer.baseAddress!,
                    spare.baseAddress!))
            for lane in 0..<min(Octet.count, signalCount - octet * Octet.count) {
                signals[octet * Octet.count + lane].withUnsafeMutableBufferPointer { signal in
                    for index in 0..<min(fft.length, signal.count - from) {
                        signal[from + index] += samples[index * Octet.count + lane] * scale
                    }
                }
            }
        }
    }
}
