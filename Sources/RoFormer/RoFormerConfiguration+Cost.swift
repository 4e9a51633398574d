// Operations and memory traffic of a chunk, block by block, to compare with the machine's peak rates.

import Networks

extension RoFormerConfiguration {
    package func segmentOperations(of block: NetworkBlock) -> Double {
        let perToken = Double(frames) * weights(of: block)
        switch block {
        case .bandSplit, .maskEstimator: return 2 * perToken
        case .transformer(_, let alongTime):
            let bands = Double(layout.bands.count)
            let length = alongTime ? Double(frames) : bands
            // Queries times keys, and exponentials times values.
            let products = 2 * Double(frames) * bands * length * Double(innerChannels)
            return 2 * (perToken * bands + products * Double(layers(alongTime: alongTime)))
        default: return 0
        }
    }

    package func segmentBytes(of block: NetworkBlock, weightBytes: Int) -> Double {
        let tokens = 4 * Double(frames * layout.bands.count * channels)
        let spectrogram = 4 * Double(frames * layout.bins * 2 * audioChannels)
        let waveform = 4 * Double(chunks.chunkSamples * audioChannels)
        let weights = weights(of: block) * Double(weightBytes)
        return switch block {
        case .stft: waveform + spectrogram
        case .bandSplit: spectrogram + tokens + weights
        case .transformer: 2 * tokens + weights
        default: tokens + 2 * spectrogram + waveform + weights
        }
    }

    /// Frames of a chunk.
    private var frames: Int { chunks.chunkSamples / hop + 1 }

    private func layers(alongTime: Bool) -> Int { alongTime ? timeDepth : bandDepth }

    /// Weights of a block's linear layers, each of which a frame or one of its tokens is multiplied
    /// by.
    private func weights(of block: NetworkBlock) -> Double {
        switch block {
        case .bandSplit:
            return layout.bands.indices.reduce(0) { $0 + Double(inputs(ofBand: $1) * channels) }
        case .transformer(_, let alongTime):
            let attention = channels * (4 * innerChannels + heads)
            let feedForward = 2 * channels * hiddenChannels
            return Double(layers(alongTime: alongTime) * (attention + feedForward))
        case .maskEstimator:
            return layout.bands.indices.reduce(0) { sum, band in
                let inner = [channels] + Array(repeating: maskChannels, count: maskLayers - 1)
                let sizes = inner + [2 * inputs(ofBand: band)]
                return sum + zip(sizes, sizes.dropFirst()).reduce(0) { $0 + Double($1.0 * $1.1) }
            }
        default: return 0
        }
    }
}
