// `tensors calibrate`: calibration samples for quantising compilers: inputs of the core from real
// music.

import Audio
import Demucs
import System
import Tensor

/// Chooses pieces of tracks and writes the core's inputs of each, with lists of the files.
package struct Calibration {
    /// Level of silence in dB of full scale, as RMS over all channels.
    package static let silenceLevelDecibels = -60.0
    package static let sampleCounts = 1...100_000

    /// File names of the lists, which have a line for each sample: the paths of its tensors, in the
    /// second list each with the prefix `name:=`.
    package static let listName = "dataset.txt"
    package static let namedListName = "input_list.txt"

    private struct Piece {
        let track: Int
        let start: Int
        let levelDecibels: Double
    }

    private let model: OpenedModel
    private let chunkSamples: Int
    private let encoding: TensorEncoding
    private let seed: UInt64

    /// - Throws: ``PortingError/invalidOption(name:value:allowed:)`` for an invalid `chunkSeconds`.
    package init(
        _ model: OpenedModel, chunkSeconds: Double?, encoding: TensorEncoding, seed: UInt64
    ) throws(PortingError) {
        self.model = model
        chunkSamples = try Preparation.samples(chunkSeconds, model.rules)
        self.encoding = encoding
        self.seed = seed
    }

    /// Writes `count` samples, spread evenly over the tracks and over the loudness of each track.
    /// Equal calls write equal bytes.
    ///
    /// Decodes each track three times, and keeps one piece in memory.
    ///
    /// - Parameter progress: called with the number of finished samples.
    /// - Returns: paths of the lists.
    /// - Throws: `AudioError`; ``PortingError`` if too few pieces are louder than silence or a file
    ///   can't be written; `CancellationError`.
    package func write(
        _ inputs: [AudioInput], count: Int, to path: String, on backend: Backend,
        cancellation: CancellationToken, warn: (AudioWarning) -> Void = { _ in },
        progress: (Int) -> Void = { _ in }
    ) throws -> [String] {
        let core = try model.core
        var tracks: [Track] = []
        var pieces: [[Piece]] = []
        var random = PythonRandom(seed: seed)
        for (index, input) in inputs.enumerated() {
            let recording = try Recording(
                input, channelCount: model.rules.audioChannels,
                sampleRateHz: model.rules.sampleRateHz, cancellation: cancellation)
            recording.warnings.forEach(warn)
            let track = recording.track
            tracks.append(track)
            pieces.append(
                try self.pieces(
                    of: track, index, on: backend, cancellation: cancellation, &random))
        }
        let chosen = try choose(pieces, count, &random)

        try ChunkFolder.make(path)
        let spectrogram = CoreSpectrogram(nfft: core.nfft, framing: core.framing, on: backend)
        var done = 0
        for (index, track) in tracks.enumerated() {
            // Samples are numbered by their position in `chosen`, but read in the track's order.
            let wanted = chosen.indices.filter { chosen[$0].track == index }
                .sorted { chosen[$0].start < chosen[$1].start }
            if wanted.isEmpty { continue }
            try track.forEachPiece(
                at: wanted.map { chosen[$0].start }, length: chunkSamples, on: backend,
                cancellation: cancellation
            ) { position, chunk in
                for tensor in spectrogram.inputs(chunk) {
                    try ChunkFolder.make(FilePath.joined(path, tensor.name))
                    let file = file(tensor.name, wanted[position])
                    try TensorFile.write(tensor, to: FilePath.joined(path, file), encoding)
                }
                done += 1
                progress(done)
            }
        }
        return [
            try writeList(Self.listName, count, to: path) { _, file in file },
            try writeList(Self.namedListName, count, to: path) { "\($0):=\($1)" },
        ]
    }

    // MARK: - Choice

    /// The adjacent pieces of a track from a random first sample on, except silent pieces.
    private func pieces(
        of track: Track, _ index: Int, on backend: Backend,
        cancellation: CancellationToken, _ random: inout PythonRandom
    ) throws -> [Piece] {
        guard track.sampleCount >= chunkSamples else { return [] }
        let first = random.integer(upTo: track.sampleCount % chunkSamples)
        let starts = Array(
            stride(from: first, through: track.sampleCount - chunkSamples, by: chunkSamples))
        let (mean, scale) = (track.statistics.mean, track.statistics.scale)
        var pieces: [Piece] = []
        try track.forEachPiece(
            at: starts, length: chunkSamples, on: backend, cancellation: cancellation
        ) { position, chunk in
            // Denormalised, because the level is that of the recording.
            let energy = chunk.floats.reduce(0.0) { sum, value in
                let sample = Double(value * scale + mean)
                return sum + sample * sample
            }
            let level = 10 * log10(energy / Double(chunk.count))
            if level > Self.silenceLevelDecibels {
                pieces.append(Piece(track: index, start: starts[position], levelDecibels: level))
            }
        }
        return pieces
    }

    /// Chooses equally many pieces of each track, if the track has so many: the pieces, ordered by
    /// loudness, are divided into equal parts, and one piece is drawn from each part.
    private func choose(
        _ pieces: [[Piece]], _ count: Int, _ random: inout PythonRandom
    ) throws(PortingError) -> [Piece] {
        let available = pieces.reduce(0) { $0 + $1.count }
        if available == 0 { throw .nothingLoud(limitDecibels: Self.silenceLevelDecibels) }
        if available < count { throw .tooFewSamples(found: available, wanted: count) }
        var shares = [Int](repeating: 0, count: pieces.count)
        while shares.reduce(0, +) < count {
            let open = pieces.indices.filter { shares[$0] < pieces[$0].count }
            let least = open.map { shares[$0] }.min() ?? 0
            let candidates = open.filter { shares[$0] == least }
            shares[candidates[random.integer(upTo: candidates.count - 1)]] += 1
        }
        var chosen: [Piece] = []
        for (pieces, share) in zip(pieces, shares) where share > 0 {
            let ranked = pieces.sorted {
                ($0.levelDecibels, $0.start) < ($1.levelDecibels, $1.start)
            }
            for part in 0..<share {
                let first = part * ranked.count / share
                let end = (part + 1) * ranked.count / share
                chosen.append(ranked[first + random.integer(upTo: end - first - 1)])
            }
        }
        // Shuffled, so that the beginning of a list is representative too.
        for last in chosen.indices.dropFirst().reversed() {
            chosen.swapAt(last, random.integer(upTo: last))
        }
        return chosen
    }

    // MARK: - Files

    /// The path of a sample's tensor within the folder, `input/00000.npy`.
    private func file(_ tensor: String, _ index: Int) -> String {
        "\(tensor)/\(index.zeroPadded(5)).\(encoding.container.rawValue)"
    }

    /// Writes a line for each sample, with an entry for each of its tensors.
    ///
    /// - Returns: the list's path.
    private func writeList(
        _ name: String, _ count: Int, to path: String,
        _ entry: (_ tensor: String, _ file: String) -> String
    ) throws(PortingError) -> String {
        let lines = (0..<count).map { index in
            [CoreTensor.input, CoreTensor.x].map { entry($0, file($0, index)) }
                .joined(separator: " ") + "\n"
        }
        let list = FilePath.joined(path, name)
        try TensorFile.write(Array(lines.joined().utf8), to: list)
        return list
    }
}
