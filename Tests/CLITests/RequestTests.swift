// The command takes and refuses the requests that every door takes and refuses.

import Foundation
import TestSupport
import Testing

@Suite struct RequestTests {
    @Test(arguments: RequestCase.all)
    func theCommandAgreesWithTheOtherDoors(request: RequestCase) throws {
        let folder = TemporaryFolder()
        try Data(contentsOf: Fixture.url("audio/encoded/quiet_none_16.wav"))
            .write(to: folder.url("track.wav"))
        let options = request.fields.map {
            $0.value.isEmpty ? "--\($0.name)" : "--\($0.name)=\($0.value)"
        }
        let run = try CommandRun(
            ["track.wav", "-n", "demo", "--dry-run", "--json"] + options, in: folder.url,
            models: Fixture.bundledModels.path, exits: request.outputs.isEmpty ? 2 : 0)
        if request.outputs.isEmpty {
            #expect(run.errors.contains(request.refusal), "\(run.errors)")
        } else {
            #expect(try outputs(of: run.output) == request.outputs)
        }
    }

    /// Names of the stems in the event of the track.
    private func outputs(of lines: String) throws -> [String] {
        for line in lines.split(separator: "\n") {
            let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            guard event?["event"] as? String == "track" else { continue }
            let outputs = event?["outputs"] as? [[String: Any]] ?? []
            return outputs.compactMap { $0["stem"] as? String }
        }
        return []
    }
}
