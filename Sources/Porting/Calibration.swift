// `tensors calibrate`: inputs of the core that stand for the music a quantised model will meet.

import Audio
import Foundation
import HTDemucs
import Separation
import Tensor

/// Chooses pieces of tracks and writes the core's inputs for each of them, with the lists that
/// quantising compilers read.
package struct Calibration {
    /// Pieces quieter than this, in dB of full scale (RMS over all channels), count as silence.
    package static let silenceDecibels = -60.0
    package static let sampleCounts = 1...100_000

    /// Files that list the samples: paths of a sample's tensors side by side, and the same with
    /// `name:=` before each.
    package static let listName = "dataset.txt"
    package static let namedListName = "input_list.txt"

    private struct Piece {
        let track: Int
        let start: Int
        let decibels: Double
    }

    private let model: PortedModel
    private let chunkSamples: Int
    private let encoding: TensorEncoding
    private let seed: UInt64

    /// - Throws: ``PortingError`` for a chunk that can't be.
    package init(
        _ model: PortedModel, chunkSeconds: Double?, encoding: TensorEncoding, seed: UInt64
    ) throws(PortingError) {
        self.model = model
        chunkSamples = try Preparation.samples(chunkSeconds, model.configuration)
        self.encoding = encoding
        self.seed = seed
    }

    /// Writes `count` samples, shared evenly among the tracks and, within a track, spread over its
    /// loudness. The same call writes the same bytes.
    ///
    /// Tracks are decoded one after the other, twice each; none is held longer than that.
    /// - Parameter progress: is given the number of samples done.
    /// - Returns: paths of the lists.
    /// - Throws: `AudioError`; ``PortingError`` if the tracks have too few pieces that sound, or
    ///   `path` holds something else; `CancellationError`.
    package func write(
        _ inputs: [AudioInput], count: Int, to path: String, on backend: Backend,
        cancellation: CancellationToken, warn: (AudioWarning) -> Void = { _ in },
        progress: (Int) -> Void = { _ in }
    ) throws -> [String] {
        func open(_ track: Int) throws -> ModelTrack {
            try cancellation.check()
            return try ModelTrack(
                inputs[track], channels: model.configuration.audioChannels,
                rateHz: model.configuration.samplerate, on: backend)
        }
        var statistics: [TrackStatistics] = []
        var pieces: [[Piece]] = []
        var random = PythonRandom(seed: seed)
        for track in inputs.indices {
            let opened = try open(track)
            opened.warnings.forEach(warn)
            let (moments, samples) = try opened.statistics()
            statistics.append(moments)
            pieces.append(try self.pieces(of: opened, track, samples: samples, &random))
        }
        let chosen = try choose(pieces, count, &random)

        try ChunkFolder.make(path)
        let spectrogram = CoreSpectrogram(nfft: model.configuration.nfft, on: backend)
        var paths = [[(name: String, path: String)]](repeating: [], count: chosen.count)
        var done = 0
        for track in inputs.indices {
            // Numbered by position in `chosen`, read in the order of the track.
            let wanted = chosen.indices.filter { chosen[$0].track == track }
                .sorted { chosen[$0].start < chosen[$1].start }
            if wanted.isEmpty { continue }
            let (mean, scale) = (statistics[track].mean, statistics[track].scale)
            try open(track).forEachWindow(
                at: wanted.map { chosen[$0].start }, length: chunkSamples
            ) { position, window in
                try cancellation.check()
                let index = wanted[position]
                let chunk = window.map { channel in channel.map { ($0 - mean) / scale } }
                paths[index] = try spectrogram.inputs(chunk).map { tensor in
                    (tensor.name, try write(tensor, index, to: path))
                }
                done += 1
                progress(done)
            }
        }
        return try writeLists(paths, to: path)
    }

    // MARK: - Choice

    /// The pieces of a track that aren't silent, side by side from a random first sample on.
    private func pieces(
        of track: ModelTrack, _ index: Int, samples: Int, _ random: inout PythonRandom
    ) throws -> [Piece] {
        guard samples >= chunkSamples else { return [] }
        let first = random.integer(upTo: samples % chunkSamples)
        let starts = Array(stride(from: first, through: samples - chunkSamples, by: chunkSamples))
        var pieces: [Piece] = []
        try track.forEachWindow(at: starts, length: chunkSamples) { position, window in
            let energy = window.reduce(0.0) { sum, channel in
                channel.reduce(sum) { $0 + Double($1) * Double($1) }
            }
            let decibels = 10 * log10(energy / Double(window.count * chunkSamples))
            if decibels > Self.silenceDecibels {
                pieces.append(Piece(track: index, start: starts[position], decibels: decibels))
            }
        }
        return pieces
    }

    /// Evenly many of each track as far as it has them; of a track one from each of equal shares of
    /// its pieces in the order of their loudness.
    private func choose(
        _ pieces: [[Piece]], _ count: Int, _ random: inout PythonRandom
    ) throws(PortingError) -> [Piece] {
        let available = pieces.reduce(0) { $0 + $1.count }
        if available == 0 { throw .nothingLoud(limitDecibels: Self.silenceDecibels) }
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
            let ranked = pieces.sorted { ($0.decibels, $0.start) < ($1.decibels, $1.start) }
            for part in 0..<share {
                let first = part * ranked.count / share
                let end = (part + 1) * ranked.count / share
                chosen.append(ranked[first + random.integer(upTo: end - first - 1)])
            }
        }
        // In no order: tools that take the first few of a list get a fair share too.
        for last in chosen.indices.dropFirst().reversed() {
            chosen.swapAt(last, random.integer(upTo: last))
        }
        return chosen
    }

    // MARK: - Files

    /// - Returns: the file's path within the folder.
    private func write(
        _ tensor: NamedTensor, _ index: Int, to path: String
    ) throws(PortingError) -> String {
        let number = ChunkFolder.name(index).dropFirst("chunk-".count)
        let file = "\(tensor.name)/\(number).\(encoding.container.rawValue)"
        try ChunkFolder.make((path as NSString).appendingPathComponent(tensor.name))
        try TensorFile.write(
            tensor, to: (path as NSString).appendingPathComponent(file), encoding)
        return file
    }

    private func writeLists(
        _ paths: [[(name: String, path: String)]], to path: String
    ) throws(PortingError) -> [String] {
        let lists = [
            (Self.listName, paths.map { $0.map(\.path).joined(separator: " ") }),
            (
                Self.namedListName,
                paths.map { $0.map { "\($0.name):=\($0.path)" }.joined(separator: " ") }
            ),
        ]
        var written: [String] = []
        for (name, lines) in lists {
            let file = (path as NSString).appendingPathComponent(name)
            try TensorFile.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: file)
            written.append(file)
        }
        return written
    }
}
