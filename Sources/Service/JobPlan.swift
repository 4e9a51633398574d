// The cost of a job, from its options, its sound and its model, before the job is accepted.

import Audio
import Demucs
import Runs
import Signal
import System

/// The room that a job needs.
struct JobPlan {
    /// Upper bound of the stems' size.
    let stemBytes: Int
    /// Size of the temporary files, which exist as long as the stems are made.
    let spoolBytes: Int

    /// Checks options against a model, before the sound is known.
    ///
    /// - Returns: the job's outputs.
    /// - Throws: `Problem`, `SeparationError`.
    @discardableResult
    static func check(_ options: SeparationRequest, _ model: ChosenModel) throws -> [NamedSignal] {
        let outputs = try options.jobOutputs(of: model.stemSources.names)
        // Some models take longer segments, at the price of memory.
        let bag = model.stemSources.first
        if let segment = options.segment, segment > bag.trainingSeconds {
            throw Problem.option(
                "segment", value: "\(segment)",
                expected: "at most the \(bag.trainingSeconds) seconds that the model was "
                    + "trained on")
        }
        _ = try bag.work(options.separation, trackSamples: 1)
        return outputs
    }

    /// Plans a job.
    ///
    /// - Parameter outputs: those of ``check(_:_:)`` for the options and the model.
    /// - Throws: `Problem`, `SeparationError` for options that don't fit the sound or the model, and
    ///   for too much work.
    init(
        _ options: SeparationRequest, _ outputs: [NamedSignal],
        _ facts: JobInput.Facts, _ model: ChosenModel, _ limits: ServiceLimits
    ) throws {
        let bag = model.stemSources.first
        let recordedSamples =
            try options.excerpt?.range(in: facts.sampleCount, rateHz: facts.sampleRateHz).count
            ?? facts.sampleCount
        let trackSamples = Resampler.outputCount(
            inputCount: recordedSamples, from: facts.sampleRateHz, to: bag.sampleRateHz)
        guard trackSamples > 0 else {
            throw SeparationError.tooShort(
                samples: recordedSamples, rateHz: facts.sampleRateHz, modelRateHz: bag.sampleRateHz)
        }
        let seconds = Double(trackSamples) / Double(bag.sampleRateHz)
        if !options.split, seconds > bag.trainingSeconds {
            throw Problem.option(
                "no-split", value: "true",
                expected: "a sound of at most \(bag.trainingSeconds) seconds, and this one has "
                    + "\(seconds.fixed(3))")
        }

        let work = try model.stemSources.work(
            for: outputs.flatMap(\.signal.stems), options.separation, trackSamples: trackSamples)
        let usual = try model.stemSources.work(
            for: model.stemSources.names.all, SeparationOptions(), trackSamples: trackSamples)
        let multiple = work.samples / usual.samples
        guard multiple <= Double(limits.work) else {
            throw Problem(
                .tooMuchWork,
                "The options need \(Int(multiple.rounded(.up))) times the work of the default options "
                    + "for this sound, expected at most \(limits.work) times. Lower 'shifts' or "
                    + "'overlap', or leave out 'segment'.")
        }

        let isInputRate = options.outputRate == .input
        let shape = SignalShape(
            channelCount: bag.channelCount, modelRateHz: bag.sampleRateHz,
            sampleRateHz: isInputRate ? facts.sampleRateHz : bag.sampleRateHz,
            sampleCount: isInputRate ? recordedSamples : trackSamples)
        let output = options.output(spoolFolder: "")
        if let problem = output.format.problem(
            channelCount: shape.channelCount, sampleRateHz: shape.sampleRateHz)
        {
            throw Problem(
                .invalidOption, "\(problem). Choose another 'format', or leave out 'output-rate'.")
        }
        stemBytes = outputs.count * shape.mostBytes(output.format)
        let floatBytes = shape.sampleCount * shape.channelCount * MemoryLayout<Float>.stride
        // The growing stems are as large as a spool.
        spoolBytes = outputs.count * (shape.spoolBytes(output) + floatBytes)
    }

    /// - Parameter quotaBytes: limit of all results; nil for none.
    /// - Throws: `Problem` if the job's files don't fit.
    func checkRoom(in folder: DataFolder, quotaBytes: Int?) throws(Problem) {
        func refuse(_ found: String) -> Problem {
            Problem(
                .noRoom,
                "\(found) Choose MP3 or FLAC, fewer stems, or a part of the song, or ask the owner of "
                    + "the service for more room.")
        }
        if let quotaBytes, stemBytes > quotaBytes {
            throw refuse(
                "The stems may take \(SeparationError.megabytes(stemBytes)), and the service keeps at "
                    + "most \(SeparationError.megabytes(quotaBytes)).")
        }
        let needed = stemBytes + spoolBytes
        if let free = TemporaryFiles.freeBytes(in: folder.ledger.folder), needed > free {
            throw refuse(
                "The stems may take \(SeparationError.megabytes(needed)) of the service's disk while "
                    + "they are made, and \(SeparationError.megabytes(free)) are free.")
        }
    }
}
