// Also Embedded Swift: typed throws, no key paths, no casts.
// Sinusoidal position embeddings (Vaswani et al. 2017, arXiv:1706.03762), in one dimension for the
// waveform's tokens and in two for the spectrogram's (Rouard, Massa, Défossez 2022,
// arXiv:2211.08553, section 3). Each step is rounded to float32 where the reference rounds it, so
// that large phases have the same rounding error.

import System

package enum PositionalEmbedding {
    /// cos(p / P^(i/(d/2−1))) in the first half of the channels, sin in the second.
    ///
    /// - Returns: `[length, channels]`, row-major.
    ///
    /// PyTorch: `demucs.transformer.create_sin_embedding`.
    package static func oneDimensional(
        length: Int, channels: Int, maxPeriod: Double
    ) -> [Float] {
        let half = channels / 2
        var result = [Float](repeating: 0, count: length * channels)
        for i in 0..<half {
            // With two channels the exponent is 0/0 in the reference; no released model has so few.
            let period = powf(Float(maxPeriod), half > 1 ? Float(i) / Float(half - 1) : .nan)
            for position in 0..<length {
                let phase = Float(position) / period
                result[position * channels + i] = cosf(phase)
                result[position * channels + half + i] = sinf(phase)
            }
        }
        return result
    }

    /// The first half of the channels encodes time, the second frequency, each with sin at even
    /// and cos at odd channels, of p · exp(−2i · ln P / (d/2)).
    ///
    /// - Returns: `[time, freq, channel]`, row-major: the order of the spectrogram's tokens.
    ///
    /// PyTorch: `demucs.transformer.create_2d_sin_embedding`.
    package static func twoDimensional(
        freqs: Int, times: Int, channels: Int, maxPeriod: Double
    ) -> [Float] {
        let half = channels / 2
        func table(_ length: Int) -> [Float] {
            var rows = [Float](repeating: 0, count: length * half)
            for i in stride(from: 0, to: half, by: 2) {
                let factor = expf(Float(i) * Float(-(log(maxPeriod) / Double(half))))
                for position in 0..<length {
                    let phase = Float(position) * factor
                    rows[position * half + i] = sinf(phase)
                    rows[position * half + i + 1] = cosf(phase)
                }
            }
            return rows
        }
        let byTime = table(times)
        let byFreq = table(freqs)
        var result = [Float]()
        result.reserveCapacity(times * freqs * channels)
        for time in 0..<times {
            for freq in 0..<freqs {
                result += byTime[time * half..<(time + 1) * half]
                result += byFreq[freq * half..<(freq + 1) * half]
            }
        }
        return result
    }
}
