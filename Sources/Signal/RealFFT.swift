// The Fourier transform of real signals, eight at once.

/// The plan of a real transform of one length, forward and inverse. Immutable: threads share it.
///
/// Forward: X[k] = Σₙ x[n]·exp(−2πi·nk / length) for k = 0 … length/2. Inverse: the sum with the
/// opposite sign over the whole conjugate-symmetric spectrum. Neither is scaled, so one after the
/// other multiplies by `length`.
///
/// An even length goes through the complex transform of half the length.
///
/// PyTorch: `torch.fft.rfft` and `torch.fft.irfft(norm="forward")`.
package struct RealFFT: Sendable {
    /// Samples of a signal.
    package let length: Int

    /// Bins of a spectrum: length/2 + 1.
    package let bins: Int

    /// Elements that each buffer handed to ``forward(_:_:)`` or ``inverse(_:_:)`` must hold.
    package let capacity: Int

    private let complex: ComplexFFT

    /// exp(−2πi·k / length) for k = 0 … length/2; of even lengths only.
    private let twiddles: [Twiddle]

    private var isEven: Bool { length % 2 == 0 }

    /// - Parameter length: at least 1.
    package init(length: Int) {
        precondition(length >= 1)
        self.length = length
        bins = length / 2 + 1
        complex = ComplexFFT(length: length % 2 == 0 ? length / 2 : length)
        capacity = max(complex.capacity, bins)
        twiddles =
            length % 2 == 0
            ? (0..<bins).map { Twiddle(numerator: $0, denominator: length) } : []
    }

    /// The spectra of eight signals. Both buffers are overwritten; nothing is allocated.
    ///
    /// - Parameters:
    ///   - signal: a buffer of `capacity` elements that begins with `length` samples (as `Lanes`).
    ///   - spare: another buffer of `capacity` elements.
    /// - Returns: the one of the two that holds the `bins` bins.
    package func forward(
        _ signal: UnsafeMutablePointer<ComplexLanes>, _ spare: UnsafeMutablePointer<ComplexLanes>
    ) -> UnsafeMutablePointer<ComplexLanes> {
        guard isEven else {
            // Backwards, because the complex elements are written over the samples.
            let samples = Self.lanes(of: signal)
            for n in stride(from: length - 1, through: 0, by: -1) {
                signal[n] = ComplexLanes(samples[n], .zero)
            }
            return complex.transform(signal, spare)
        }
        let z = complex.transform(signal, spare)
        let x = z == signal ? spare : signal
        let half = length / 2
        // Z = E + iO, the transforms of the even and of the odd samples; X[k] = E[k] + w^k·O[k].
        x[0] = ComplexLanes(z[0].real + z[0].imaginary, .zero)
        x[half] = ComplexLanes(z[0].real - z[0].imaginary, .zero)
        twiddles.withUnsafeBufferPointer { twiddles in
            for k in stride(from: 1, to: half, by: 1) {
                let (a, b) = (z[k], z[half - k].conjugate)
                let even = (a + b) * 0.5
                let oddTimesI = (a - b) * 0.5
                x[k] = even - (oddTimesI * twiddles[k]).timesI
            }
        }
        return x
    }

    /// The signals of eight spectra. Both buffers are overwritten; nothing is allocated.
    ///
    /// The imaginary parts of bin 0 and, for even lengths, of the last bin are ignored: a real
    /// signal has none there.
    ///
    /// - Parameters:
    ///   - spectrum: a buffer of `capacity` elements that begins with `bins` bins.
    ///   - spare: another buffer of `capacity` elements.
    /// - Returns: the one of the two that begins with the `length` samples.
    package func inverse(
        _ spectrum: UnsafeMutablePointer<ComplexLanes>, _ spare: UnsafeMutablePointer<ComplexLanes>
    ) -> UnsafeMutablePointer<Lanes> {
        // The input of the complex transform is written backwards: that makes it the inverse one.
        let x = spectrum
        guard isEven else {
            spare[0] = ComplexLanes(x[0].real, .zero)
            for k in stride(from: 1, to: bins, by: 1) {
                spare[length - k] = x[k]
                spare[k] = x[k].conjugate
            }
            let z = complex.transform(spare, spectrum)
            let samples = Self.lanes(of: z)
            for n in 0..<length { samples[n] = samples[2 * n] }
            return samples
        }
        let half = length / 2
        let (first, last) = (x[0].real, x[half].real)
        spare[0] = ComplexLanes(first + last, first - last)
        twiddles.withUnsafeBufferPointer { twiddles in
            for k in stride(from: 1, to: half, by: 1) {
                let (a, b) = (x[k], x[half - k].conjugate)
                spare[half - k] = (a + b) + ((a - b) * twiddles[k].conjugate).timesI
            }
        }
        return Self.lanes(of: complex.transform(spare, spectrum))
    }

    /// A buffer of the transforms as the samples it holds.
    ///
    /// A `ComplexLanes` is two `Lanes` in a row and nothing else.
    @inline(__always)
    package static func lanes(
        of buffer: UnsafeMutablePointer<ComplexLanes>
    ) -> UnsafeMutablePointer<Lanes> {
        UnsafeMutableRawPointer(buffer).assumingMemoryBound(to: Lanes.self)
    }
}
