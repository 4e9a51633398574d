// Runs the built executable: the tests see what a user sees.

import Foundation
import TestSupport

/// A finished call of `swift-demucs`.
struct CommandRun {
    let exitCode: Int32
    let output: String
    let errors: String

    /// The executable is built into the folder that holds the tests.
    static let executable: URL = {
        let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        var folder = tests.deletingLastPathComponent()
        // On Apple platforms the tests are inside a bundle.
        while folder.path != "/",
            !FileManager.default.fileExists(
                atPath: folder.appendingPathComponent("swift-demucs").path)
        {
            folder.deleteLastPathComponent()
        }
        return folder.appendingPathComponent("swift-demucs")
    }()

    /// Runs the command in a folder, with an empty home of its own and no way to the network.
    ///
    /// - Parameters:
    ///   - environment: variables that replace these.
    ///   - interruptedAt: a piece of stderr, after which the run is sent a signal.
    ///   - input: a file in the folder for standard input.
    ///   - executable: another program, which runs the command.
    init(
        _ arguments: [String], in folder: URL, models: String? = Fixture.url("models").path,
        environment: [String: String] = [:], interruptedAt sign: String? = nil,
        signal: Int32 = SIGINT, input: String? = nil, executable: URL = CommandRun.executable
    ) throws {
        let process = CommandRun.process(
            arguments, in: folder, models: models, environment: environment)
        process.executableURL = executable
        if let input {
            process.standardInput = try FileHandle(
                forReadingFrom: folder.appendingPathComponent(input))
        }
        // Files instead of pipes: a pipe that is full would hold up the run.
        let outputFile = try TemporaryFolder.emptyFile(in: folder, "stdout.txt")
        let errorFile = try TemporaryFolder.emptyFile(in: folder, "stderr.txt")
        process.standardOutput = try FileHandle(forWritingTo: outputFile)
        process.standardError = try FileHandle(forWritingTo: errorFile)
        try process.run()
        if let sign {
            while process.isRunning,
                try !String(contentsOf: errorFile, encoding: .utf8).contains(sign)
            {
                Thread.sleep(forTimeInterval: 0.01)
            }
            kill(process.processIdentifier, signal)
        }
        process.waitUntilExit()
        exitCode = process.terminationStatus
        output = String(decoding: try Data(contentsOf: outputFile), as: UTF8.self)
        errors = try String(contentsOf: errorFile, encoding: .utf8)
    }

    /// A call that is not started yet; arguments as above.
    static func process(
        _ arguments: [String], in folder: URL, models: String? = Fixture.url("models").path,
        environment: [String: String] = [:]
    ) -> Process {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        process.currentDirectoryURL = folder
        let inherited = ProcessInfo.processInfo.environment.filter { name, _ in
            !["HF_", "TORCH_", "XDG_", "SWIFT_DEMUCS_"].contains(where: name.hasPrefix)
                && !name.lowercased().hasSuffix("_proxy")
        }
        var variables = ["HOME": folder.appendingPathComponent("home").path, "HF_HUB_OFFLINE": "1"]
        variables["SWIFT_DEMUCS_MODELS"] = models
        process.environment = inherited.merging(variables) { _, new in new }
            .merging(environment) { _, new in new }
        return process
    }

    var outputLines: [Substring] { output.split(separator: "\n") }
    var errorLines: [Substring] { errors.split(separator: "\n") }
}

/// A folder that goes away with the value.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory
            .appendingPathComponent("swift-demucs-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    static func emptyFile(in folder: URL, _ name: String) throws -> URL {
        let file = folder.appendingPathComponent(name)
        try Data().write(to: file)
        return file
    }

    func write(_ data: Data, _ name: String) throws {
        try data.write(to: url.appendingPathComponent(name))
    }

    func exists(_ name: String) -> Bool {
        FileManager.default.fileExists(atPath: url.appendingPathComponent(name).path)
    }

    /// Files and folders below this one.
    var contents: Set<String> {
        Set((try? FileManager.default.subpathsOfDirectory(atPath: url.path)) ?? [])
            .subtracting(["stdout.txt", "stderr.txt"])
    }

    /// Writes a float32 WAV file of a quiet saw tooth.
    func writeTrack(
        _ name: String, channels: Int = 2, samples: Int = 700, rateHz: Int = 1600,
        gain: Float = 1, replacing changes: [Int: Float] = [:]
    ) throws {
        var values = (0..<channels * samples).map { gain * (Float($0 * 37 % 101) / 200 - 0.25) }
        for (index, value) in changes { values[index] = value }
        var bytes = Data()
        func append(_ number: Int, bytes count: Int) {
            for byte in 0..<count { bytes.append(UInt8(truncatingIfNeeded: number >> (8 * byte))) }
        }
        let dataBytes = values.count * 4
        bytes.append(contentsOf: "RIFF".utf8)
        append(36 + dataBytes, bytes: 4)
        bytes.append(contentsOf: "WAVEfmt ".utf8)
        append(16, bytes: 4)
        append(3, bytes: 2)
        append(channels, bytes: 2)
        append(rateHz, bytes: 4)
        append(rateHz * channels * 4, bytes: 4)
        append(channels * 4, bytes: 2)
        append(32, bytes: 2)
        bytes.append(contentsOf: "data".utf8)
        append(dataBytes, bytes: 4)
        for value in values { append(Int(value.bitPattern), bytes: 4) }
        try write(bytes, name)
    }
}
