import CInterface
import CSwiftDemucs
import Demucs
import Foundation
import TestSupport
import Testing

/// The C interface takes and refuses the requests that every door takes and refuses.
struct RequestTests {
    /// Names of the outputs in the events of a call.
    private final class Outputs {
        var names: [String] = []
    }

    /// Takes the names from the members of an event; nil leaves them as they are.
    private static func take(
        _ event: UnsafePointer<CChar>?, _ context: UnsafeMutableRawPointer?,
        _ names: ([String: Any]) -> [String]?
    ) -> Int32 {
        guard let context, let event,
            let members = try? JSONSerialization.jsonObject(
                with: Data(String(cString: event).utf8)) as? [String: Any],
            let found = names(members)
        else { return 0 }
        Unmanaged<Outputs>.fromOpaque(context).takeUnretainedValue().names = found
        return 0
    }

    private typealias Answer = (status: sd_status, message: String, outputs: [String])

    private let folder = TemporaryFolder()

    /// The demo model, to be closed, and the path of a track.
    private func openModel() throws -> (model: OpaquePointer?, track: String) {
        let track = try folder.write(
            Data(contentsOf: Fixture.url("audio/encoded/quiet_none_16.wav")), "track.wav")
        var model: OpaquePointer?
        let path = Fixture.bundledModels.appendingPathComponent("demo.safetensors").path
        try #require(sd_open(path, nil, nil, nil, &model, nil, 0) == SD_OK)
        return (model, track)
    }

    @Test func theCInterfaceAgreesWithTheOtherDoors() throws {
        let (model, track) = try openModel()
        defer { sd_close(model) }
        for request in RequestCase.all {
            check(request, try run(model, track, request), "sd_run")
            let unknown = request.fields.filter { name, _ in
                SeparationRequest.field(name).map {
                    $0.scope != .signals && $0.scope != .separation
                } ?? true
            }
            let answer = try plan(model, request)
            if unknown.isEmpty {
                check(request, answer, "sd_plan")
            } else {
                #expect(answer.status == SD_ERROR_ARGUMENT)
                // The members of the settings are in any order.
                #expect(
                    unknown.contains { answer.message.contains("unknown field '\($0.name)'") }
                        || request.outputs.isEmpty, "\(request): \(answer.message)")
            }
        }
    }

    @Test func aRunLeavesRecordsOnlyIfTheyAreAskedFor() throws {
        let (model, track) = try openModel()
        defer { sd_close(model) }
        let options: [[String: Any]] = [
            [:], ["skip-existing": true], ["failed": folder.path("list")],
        ]
        for (index, more) in options.enumerated() {
            let out = "out\(index)"
            let settings = more.merging(["out": folder.path(out), "stems": "drums"]) { $1 }
            let json = try String(
                decoding: JSONSerialization.data(withJSONObject: settings), as: UTF8.self)
            let answer = call { message, count in
                track.withCString { track in
                    var tracks: [UnsafePointer<CChar>?] = [track]
                    return sd_run(model, &tracks, 1, json, nil, nil, nil, nil, message, count)
                }
            }
            #expect(answer.status == SD_OK, "\(answer.message)")
            let files = folder.files.filter { $0.hasPrefix(out + "/") }
            #expect(files.contains("\(out)/demo/track/drums.wav"))
            #expect(files.count == (more.isEmpty ? 1 : 2), "\(files)")
        }
    }

    @Test func outputsThatMemoryDoesNotHoldAreRefused() throws {
        try checkMemory(rows: 4, frames: 100, freeBytes: 1_600)
        try checkMemory(rows: 4, frames: 101, heldBytes: 16, freeBytes: 1_600)
        try checkMemory(rows: 4, frames: 1 << 40, freeBytes: nil)
        for (frames, needed) in [(101, 1_616), (Int.max, .max)] {
            #expect(
                throws: SeparationError.notEnoughMemory(neededBytes: needed, freeBytes: 1_600)
            ) { try checkMemory(rows: 4, frames: frames, freeBytes: 1_600) }
        }
    }

    private func check(_ request: RequestCase, _ answer: Answer, _ door: String) {
        if request.outputs.isEmpty {
            #expect(answer.status == SD_ERROR_ARGUMENT, "\(door), \(request): \(answer.message)")
            #expect(
                answer.message.contains(request.refusal), "\(door), \(request): \(answer.message)")
        } else {
            #expect(
                answer.status == SD_OK && answer.outputs == request.outputs,
                "\(door), \(request): \(answer.message)")
        }
    }

    private func json(
        _ request: RequestCase, _ more: [String: Any] = [:]
    ) throws -> String {
        var settings = more
        for (name, value) in request.fields {
            settings[name] = value.isEmpty ? true : value as Any
        }
        return String(
            decoding: try JSONSerialization.data(withJSONObject: settings), as: UTF8.self)
    }

    /// Calls the library with a buffer for its message.
    private func call(
        _ body: (UnsafeMutablePointer<CChar>?, Int) -> sd_status
    ) -> (status: sd_status, message: String) {
        var message = [CChar](repeating: 0, count: Int(SD_MESSAGE_BYTES))
        let count = message.count
        let status = message.withUnsafeMutableBufferPointer { body($0.baseAddress, count) }
        return (
            status, String(decoding: message.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        )
    }

    /// Plans the outputs in memory.
    private func plan(_ model: OpaquePointer?, _ request: RequestCase) throws -> Answer {
        let settings = try json(request)
        let outputs = Outputs()
        let (status, message) = call {
            sd_plan(
                model, settings, 44_100, 44_100,
                { context, event, _ in
                    Self.take(event, context) { members in members["outputs"] as? [String] }
                }, Unmanaged.passUnretained(outputs).toOpaque(), $0, $1)
        }
        return (status, message, outputs.names)
    }

    /// Plans the files of a request.
    private func run(
        _ model: OpaquePointer?, _ track: String, _ request: RequestCase
    ) throws -> Answer {
        let settings = try json(request, ["dry-run": true, "out": folder.path("out")])
        let outputs = Outputs()
        let (status, message) = call { message, count in
            track.withCString { track in
                var tracks: [UnsafePointer<CChar>?] = [track]
                return sd_run(
                    model, &tracks, 1, settings,
                    { context, event, _ in
                        Self.take(event, context) { members in
                            guard members["event"] as? String == "track" else { return nil }
                            let files = members["outputs"] as? [[String: Any]] ?? []
                            return files.compactMap { $0["stem"] as? String }
                        }
                    }, nil, Unmanaged.passUnretained(outputs).toOpaque(), nil, message, count)
            }
        }
        return (status, message, outputs.names)
    }
}
