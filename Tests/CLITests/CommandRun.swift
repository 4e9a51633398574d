// Runs the built executable in a temporary folder and collects its output.

import Foundation
import TestSupport
import Testing

/// A finished run of `swift-demucs`.
struct CommandRun {
    let outputBytes: Data
    let errors: String

    /// The executable, which is in the build folder of the tests.
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

    /// Runs the command in a folder, with an empty home and without network access.
    ///
    /// - Parameters:
    ///   - environment: variables that override the defaults.
    ///   - input: a file in the folder for standard input.
    ///   - executable: another program, such as a shell.
    ///   - code: the expected exit code; any other code fails the test.
    ///   - sign: text in the output or the errors at which `action` is called; nil for at once.
    ///     Meanwhile nobody reads the output: the run is held after the next 8 KiB of it.
    init(
        _ arguments: [String], in folder: URL, models: String? = Fixture.url("models").path,
        environment: [String: String] = [:], input: String? = nil,
        executable: URL = CommandRun.executable, exits code: Int32 = 0, at sign: String? = nil,
        do action: (Process) throws -> Void = { _ in }
    ) throws {
        let process = CommandRun.process(
            arguments, in: folder, models: models, environment: environment)
        process.executableURL = executable
        if let input {
            process.standardInput = try FileHandle(
                forReadingFrom: folder.appendingPathComponent(input))
        }
        let pipes = [Pipe(), Pipe()]
        process.standardOutput = pipes[0]
        process.standardError = pipes[1]
        #if os(Linux)
            let setPipeSize: Int32 = 1031  // F_SETPIPE_SZ, which Swift can't see
            _ = fcntl(pipes[0].fileHandleForReading.fileDescriptor, setPipeSize, 4096)
        #endif
        try process.run()
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        if sign == nil { try action(process) }
        var awaited = sign.map { Data($0.utf8) }
        // Against hangs only; other runs may compute silently.
        let limit: Int32 = sign == nil ? -1 : 30_000
        let texts = try CommandRun.read(pipes, limitMilliseconds: limit) { texts in
            guard let text = awaited, texts.contains(where: { $0.range(of: text) != nil }) else {
                return
            }
            awaited = nil
            try action(process)
        }
        process.waitUntilExit()
        outputBytes = texts[0]
        errors = String(decoding: texts[1], as: UTF8.self)
        #expect(process.terminationStatus == code, "\(arguments): \(errors)")
        #expect(awaited == nil, "\(arguments): ended without '\(sign ?? "")'")
    }

    /// Reads pipes to their ends.
    ///
    /// - Parameters:
    ///   - limitMilliseconds: longest silence; -1 for no limit.
    ///   - check: called with all bytes so far after each 4 KiB or less.
    private static func read(
        _ pipes: [Pipe], limitMilliseconds: Int32, _ check: (_ texts: [Data]) throws -> Void
    ) throws -> [Data] {
        var polled = pipes.map {
            pollfd(fd: $0.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
        }
        var texts = [Data](repeating: Data(), count: pipes.count)
        var buffer = [UInt8](repeating: 0, count: 4096)
        // A negative descriptor is left out.
        while polled.contains(where: { $0.fd >= 0 }) {
            let ready = poll(&polled, nfds_t(polled.count), limitMilliseconds)
            if ready < 0, errno == EINTR { continue }
            try #require(
                ready > 0,
                "neither output nor an end in 30 s: \(String(decoding: texts[1], as: UTF8.self))")
            for index in polled.indices where polled[index].fd >= 0 && polled[index].revents != 0 {
                let count = Foundation.read(polled[index].fd, &buffer, buffer.count)
                if count > 0 { texts[index] += buffer.prefix(count) } else { polled[index].fd = -1 }
                try check(texts)
            }
        }
        return texts
    }

    /// Prepares a process without starting it, with the parameters of `init`.
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

    var output: String { String(decoding: outputBytes, as: UTF8.self) }
    var outputLines: [Substring] { output.split(separator: "\n") }
    var errorLines: [Substring] { errors.split(separator: "\n") }

    /// The JSON objects of stdout, one in each line.
    func events(_ kind: String? = nil) throws -> [[String: Any]] {
        try outputLines.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }.filter { kind == nil || $0["event"] as? String == kind }
    }

    /// stdout as JSON.
    func json<Value>(as type: Value.Type = [String: Any].self) throws -> Value {
        let value = try JSONSerialization.jsonObject(with: outputBytes)
        return try #require(value as? Value)
    }
}

extension TemporaryFolder {
    /// Runs the command in the folder, and expects an exit code.
    ///
    /// - Parameter sign: text at which SIGINT is sent to the run.
    @discardableResult
    func run(
        _ arguments: [String], models: String? = Fixture.url("models").path,
        environment: [String: String] = [:], interruptedAt sign: String? = nil,
        exits code: Int32 = 0
    ) throws -> CommandRun {
        try CommandRun(
            arguments, in: url, models: models, environment: environment, exits: code, at: sign
        ) { if sign != nil { kill($0.processIdentifier, SIGINT) } }
    }

    @discardableResult
    func run(
        _ arguments: String..., interruptedAt sign: String? = nil, exits code: Int32 = 0
    ) throws -> CommandRun {
        try run(arguments, interruptedAt: sign, exits: code)
    }

    /// Runs a line of a shell, in which `$0` is the command and `$@` are the arguments.
    @discardableResult
    func shell(_ line: String, _ arguments: [String] = [], exits code: Int32 = 0) throws
        -> CommandRun
    {
        try CommandRun(
            ["-c", line, CommandRun.executable.path] + arguments, in: url,
            executable: URL(fileURLWithPath: "/bin/sh"), exits: code)
    }

    func json(_ name: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: data(name)) as? [String: Any])
    }

    /// Writes a float32 WAV file with a quiet sawtooth.
    func writeTrack(
        _ name: String, channels: Int = 2, samples: Int = 700, rateHz: Int = 1600,
        gain: Float = 1, replacing changes: [Int: Float] = [:]
    ) throws {
        var values = (0..<channels * samples).map { gain * (Float($0 * 37 % 101) / 200 - 0.25) }
        for (index, value) in changes { values[index] = value }
        try write(WAVFile.bytes(float32: values, channels: channels, rateHz: rateHz), name)
    }
}
