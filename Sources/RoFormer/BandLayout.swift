import System

/// The bins of each band. The bands of BS-RoFormer follow one another; those of Mel-Band RoFormer
/// overlap, and the masks of a bin are averaged over its bands.
package struct BandLayout: Sendable, Equatable {
    /// The bins of each band; ascending, at least one in each.
    package let bands: [Range<Int>]

    package let bins: Int

    /// The bins of all bands, counted as often as bands have them.
    package var binsOfAllBands: Int { bands.reduce(0) { $0 + $1.count } }

    /// The number of bands that have a bin.
    package func bandCounts() -> [Int] {
        var counts = [Int](repeating: 0, count: bins)
        for band in bands { for bin in band { counts[bin] += 1 } }
        return counts
    }

    /// Bands that follow one another. PyTorch: `freqs_per_bands` of `BSRoformer`.
    package init(widths: [Int]) {
        var first = 0
        bands = widths.map { width in
            defer { first += width }
            return first..<first + width
        }
        bins = first
    }

    /// The bands of a mel filter bank on Slaney's scale: linear below 1 kHz, logarithmic above. A
    /// band has the bins at which its triangle is positive; bin 0 belongs to the first band, and the
    /// Nyquist frequency to the last one.
    ///
    /// PyTorch: `librosa.filters.mel(sr=sampleRateHz, n_fft=nfft, n_mels=count) > 0` in
    /// `MelBandRoformer`.
    ///
    /// - Returns: nil if a band has no bin, or a bin no band: the reference refuses that too.
    package init?(melBands count: Int, nfft: Int, sampleRateHz: Int) {
        let bins = nfft / 2 + 1
        let top = Self.mels(Double(sampleRateHz) / 2)
        // The corners of the triangles, in Hz.
        let corners = (0..<count + 2).map { Self.hertz(top * Double($0) / Double(count + 1)) }
        let bands = (0..<count).map { band -> Range<Int> in
            let inside = (0..<bins).filter { bin in
                let frequency = Double(bin) * Double(sampleRateHz) / Double(nfft)
                return corners[band] < frequency && frequency < corners[band + 2]
                    || band == 0 && bin == 0 || band == count - 1 && bin == bins - 1
            }
            guard let first = inside.first, let last = inside.last else { return 0..<0 }
            return first..<last + 1
        }
        self.bands = bands
        self.bins = bins
        guard bands.allSatisfy({ !$0.isEmpty }), bandCounts().allSatisfy({ $0 > 0 }) else {
            return nil
        }
    }

    // Slaney's Auditory Toolbox (1998): 200/3 Hz a mel up to 1 kHz, then 27 mels for a factor of 6.4.
    private static let linearHertz = 200.0 / 3
    private static let logarithmicStep = log(6.4) / 27

    private static func mels(_ hertz: Double) -> Double {
        hertz < 1000
            ? hertz / linearHertz : 1000 / linearHertz + log(hertz / 1000) / logarithmicStep
    }

    private static func hertz(_ mels: Double) -> Double {
        let first = 1000 / linearHertz
        return mels < first ? mels * linearHertz : 1000 * exp((mels - first) * logarithmicStep)
    }
}
