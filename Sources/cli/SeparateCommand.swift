// `swift-demucs separate`: each track through the model, its stems into files.

import Foundation
import Separation

struct SeparateCommand {
    let settings: Settings
    let console: Console
    let cancellation: CancellationToken

    /// Separates all tracks, going on after one that fails.
    func run() -> ExitCode {
        do {
            try settings.separation.validate()
            try checkThreads()
            let locator = try ModelLocator(
                repository: settings.repository, isOffline: settings.isOffline)
            let files = try locator.locate(
                settings.model, console: console, cancellation: cancellation)
            let modelFolder = (settings.outputFolder as NSString)
                .appendingPathComponent(files.name)
            try OutputFolder.checkDistinct(settings.tracks, in: modelFolder)
            let separator = try Separator(
                files, threads: settings.threads,
                precision: settings.precision.precision(for: files))
            try separator.validate(settings.separation)
            separator.model.warnings.forEach(console.warning)
            describe(files, separator)
            let output = try OutputFolder(making: modelFolder)
            defer { output.removeIfEmpty() }
            return separateTracks(separator, into: modelFolder)
        } catch {
            return report(error)
        }
    }

    private func describe(_ files: ModelFiles, _ separator: Separator) {
        for checkpoint in files.members { console.detail("Checkpoint \(checkpoint)") }
        console.detail("Stems \(separator.model.sources.joined(separator: ", "))")
        console.detail("Engine \(separator.engineDescription)")
    }

    private func separateTracks(_ separator: Separator, into modelFolder: String) -> ExitCode {
        var options = settings.separation
        if options.shifts > 0 {
            // One seed for all tracks, so that one number repeats the run.
            let seed = options.seedOrDrawn()
            options.seed = seed
            console.status("Seed \(seed)")
        }
        var failed: [String] = []
        for track in settings.tracks {
            do {
                try separate(track, with: separator, options: options, into: modelFolder)
            } catch is CancellationError {
                console.error("interrupted while separating \(track)")
                return .interrupted
            } catch {
                let text = "\(error)"
                console.error(text.hasPrefix(track) ? text : "\(track): \(text)")
                failed.append(track)
            }
        }
        if failed.isEmpty { return .done }
        if settings.tracks.count > 1 {
            console.error(
                "\(failed.count) of \(settings.tracks.count) tracks failed: "
                    + failed.joined(separator: ", "))
        }
        return .trackFailed
    }

    private func separate(
        _ track: String, with separator: Separator, options: SeparationOptions,
        into modelFolder: String
    ) throws {
        let start = ContinuousClock.now
        try cancellation.check()
        let decoded = try AudioFile.read(track)
        for warning in decoded.warnings { console.warning("\(warning)") }
        let folder = try OutputFolder(
            making: OutputFolder.path(ofTrack: track, in: modelFolder))
        defer { folder.removeIfEmpty() }

        console.status(
            "Separating \(track) (\(ProgressDisplay.clock(decoded.buffer.durationSeconds)))")
        let separation: Separation
        do {
            let display = ProgressDisplay(console: console)
            defer { display.end() }
            separation = try separator.separate(
                decoded.buffer, options: options, cancellation: cancellation,
                progress: { progress in
                    if progress.segmentsDone == 0, track == settings.tracks.first,
                        let age = ProcessAge.seconds
                    {
                        console.detail(
                            "\(String(format: "%.2f", age)) s from the start of the process to the "
                                + "first segment")
                    }
                    display.update(progress)
                })
        }
        for stem in separation.stems {
            try cancellation.check()
            let path = (folder.path as NSString).appendingPathComponent("\(stem.name).wav")
            try AudioFile.write(
                stem.audio, to: path, format: .wav(settings.format), clip: settings.clipMode)
            console.result(path)
        }
        let seconds = (ContinuousClock.now - start).seconds
        console.status("Done in \(String(format: "%.1f", seconds)) s")
    }

    private func checkThreads() throws {
        guard let threads = settings.threads else { return }
        let supported = Separator.supportedThreads
        if !supported.contains(threads) {
            throw UsageError.invalidValue(
                .threads, value: "\(threads)",
                allowed: "a whole number from \(supported.lowerBound) to \(supported.upperBound)")
        }
    }

    /// One line, and what the shell is told, about an error before the first track.
    private func report(_ error: any Error) -> ExitCode {
        switch error {
        case SeparationError.invalidOption(let name, let value, let allowed):
            // The library's names of options are the command's; values are shown as typed.
            let option = SeparateCommand.definition.options.first { $0.name == name }
            let usage = option.map {
                UsageError.invalidValue(
                    $0, value: settings.arguments.value($0) ?? value, allowed: allowed)
            }
            console.error("\(usage ?? error)")
            return .wrongUsage
        case is UsageError:
            console.error("\(error)")
            return .wrongUsage
        case is CancellationError:
            console.error("interrupted before the first track")
            return .interrupted
        case is ModelStoreError, is BagError, is WeightsError, is ConfigurationError:
            console.error("\(error)")
            return .modelUnusable
        default:
            console.error("\(error)")
            return .trackFailed
        }
    }
}
