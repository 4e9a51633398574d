// The result of a finished track, by which a later run recognises it. The format
// is described in docs/formats.md.

import Demucs
import System

/// A complete result: the input, the model, the options and the files.
package struct SeparationRecord: Codable, Equatable, Sendable {
    /// A file at the time of the record.
    struct File: Codable, Equatable, Sendable {
        let name: String
        let bytes: Int
        /// Time of the last change, in nanoseconds since 1970.
        let modified: Int
        let sha256: String

        /// - Returns: nil if the file doesn't exist.
        init?(_ path: String, sha256: String) {
            guard let status = FilePath.status(path) else { return nil }
            name = FilePath.name(of: path)
            bytes = Int(status.st_size)
            modified = status.modifiedNanoseconds
            self.sha256 = sha256
        }

        /// Whether the file at a path has the same content. The file is read only if its time
        /// differs.
        func isUnchanged(at path: String) -> Bool {
            guard let status = FilePath.status(path), Int(status.st_size) == bytes else {
                return false
            }
            return status.modifiedNanoseconds == modified
                || (try? SHA256.hexadecimal(ofFile: path)) == sha256
        }

        /// Whether size and time equal those of this record.
        func isSame(as status: stat) -> Bool {
            Int(status.st_size) == bytes && status.modifiedNanoseconds == modified
        }
    }

    struct Output: Codable, Equatable, Sendable {
        let stem: String
        let file: File
        let peak: Float
        let gain: Float
        let durationSeconds: Double
    }

    let model: ModelIdentity
    let parameters: SeparationParameters
    /// The seed of the shifts; nil without shifts.
    let seed: UInt64?
    let input: File
    let outputs: [Output]
    /// True for a track that was analysed; otherwise nil. Records of earlier versions have only the findings.
    var isAnalyzed: Bool?
    /// The tempo and the key; nil if they were not asked for or not found.
    var tempoBpm: Double?
    var key: String?
}

extension SeparationRecord {
    var hasAnalysis: Bool { isAnalyzed == true || tempoBpm != nil || key != nil }

    /// Time at which the last file was made, in nanoseconds since 1970.
    var lastModified: Int? { outputs.map(\.file.modified).max() }

    /// Whether separating the track again would give the same files.
    ///
    /// - Parameter seed: the requested seed of the shifts; nil accepts any.
    func covers(
        _ track: PlannedTrack, model: ModelIdentity, parameters: SeparationParameters, seed: UInt64?
    ) -> Bool {
        let made = ResultIdentity(
            input: input.sha256, model: self.model, parameters: self.parameters,
            seed: seed == nil ? nil : self.seed)
        let wanted = ResultIdentity(
            input: input.sha256, model: model, parameters: parameters, seed: seed)
        return made == wanted && outputs.count == track.paths.count
            && zip(outputs, track.paths).allSatisfy { $0.file.isUnchanged(at: $1) }
            && input.isUnchanged(at: track.input.path)
    }
}

/// What decides the content of a track's files: the rule, at every door, by which a result is done already.
package struct ResultIdentity: Codable, Equatable {
    /// SHA-256 of the sound.
    let input: String
    let model: ModelIdentity
    let parameters: SeparationParameters
    /// The requested seed of the shifts; nil for any.
    let seed: UInt64?

    init(input: String, model: ModelIdentity, parameters: SeparationParameters, seed: UInt64?) {
        (self.input, self.model, self.parameters) = (input, model, parameters)
        self.seed = parameters.shifts > 0 ? seed : nil
    }

    /// - Throws: as ``ChosenModel/identity``.
    package init(
        input: String, _ request: SeparationRequest, _ output: OutputOptions,
        of model: ChosenModel, outputs: [NamedSignal], precision: Precision
    ) throws {
        self.init(
            input: input, model: try model.identity,
            parameters: SeparationParameters(
                request, output, of: model, outputs: outputs, precision: precision),
            seed: request.seed)
    }

    /// A name of the identity, in hexadecimal digits.
    package var digest: String { SHA256(of: JSONText.of(self)).hexadecimal }
}

/// Everything except the model and the track that determines the content of the files.
package struct SeparationParameters: Codable, Equatable, Sendable {
    /// The outputs in their order, `no_vocals = drums + bass + other`.
    let outputs: [String]
    let shifts: Int
    /// Nil for the members' own, if these differ.
    let overlap: Double?
    let segmentSeconds: Double?
    let split: Bool
    /// Nil for 1, as in records of versions without this parameter.
    let transitionPower: Double?
    /// Nil for none, as in records of versions without this parameter.
    let then: [String]?
    let startSeconds: Double
    let durationSeconds: Double?
    let downmix: String
    let precision: String
    let container: String
    let sampleFormat: String
    let mp3Kilobits: Int?
    let mp3Preset: Int?
    let clipMode: String
    let gain: String
    let rate: String
    /// False for files without tags; otherwise nil, as in records of versions without this parameter.
    let copiesTags: Bool?
    /// Container and codec of the stem file, then its stems; nil without one.
    let stemFile: [String]?

    /// - Parameter stemFile: container, codec and stems of the stem file; nil without one.
    init(
        _ request: SeparationRequest, _ output: OutputOptions, of model: ChosenModel,
        outputs: [NamedSignal], precision: Precision, stemFile: [String]? = nil
    ) {
        self.outputs = outputs.map(\.description)
        shifts = request.shifts
        overlap = request.overlap ?? model.overlap
        segmentSeconds = request.segment
        split = request.split
        transitionPower = request.transitionPower == 1 ? nil : request.transitionPower
        then = request.then?.map(\.description)
        startSeconds = request.start ?? 0
        durationSeconds = request.duration
        downmix = output.downmix.rawValue
        self.precision = precision.rawValue
        container = output.format.fileExtension
        sampleFormat = output.format.storedFormat.rawValue
        if case .mp3(let mp3) = output.format.container {
            mp3Kilobits = mp3.bitRateKilobitsPerSecond
            mp3Preset = mp3.preset
        } else {
            mp3Kilobits = nil
            mp3Preset = nil
        }
        clipMode = output.clipMode.rawValue
        gain = output.gain.rawValue
        rate = output.rate.rawValue
        copiesTags = output.copiesTags ? nil : false
        self.stemFile = stemFile
    }
}
