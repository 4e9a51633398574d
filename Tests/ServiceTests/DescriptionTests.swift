import Foundation
import Service
import TestSupport
import Testing

/// The OpenAPI description against the service.
@Suite(.serialized)
struct DescriptionTests {
    private func description(_ service: RunningService) throws -> [String: Any] {
        try service.get("/openapi.json").object
    }

    @Test func everyAddressIsDescribedAndNoOther() throws {
        let service = try RunningService()
        let paths = try #require(try description(service)["paths"] as? [String: [String: Any]])
        let described = paths.flatMap { path, methods in
            methods.keys.map { "\($0.uppercased()) \(path)" }
        }
        let known = Service.addresses.map { "\($0.method) \($0.pattern)" }
        #expect(Set(described) == Set(known))
        #expect(described.count == known.count)
    }

    @Test func repliesAreAsDescribed() throws {
        let service = try RunningService()
        let checker = SchemaChecker(document: try description(service))
        let id = try service.doneJob(Sound.tone(seconds: 0.5), query: "shifts=1&seed=3&stems=bass")
        let failed = try service.upload(Data("nothing".utf8))
        for (name, answer) in [
            ("Job", try service.get("/v1/separations/\(id)")),
            ("JobPage", try service.get("/v1/separations?limit=1")),
            ("Job", try service.upload(Sound.tone(seconds: 30))),
            ("Peaks", try service.get("/v1/separations/\(id)/peaks?points=7")),
            ("Models", try service.get("/v1/models")), ("Problem", failed),
            ("Problem", try service.get("/nowhere")),
        ] {
            let problems = checker.problems(
                try JSONSerialization.jsonObject(with: answer.body),
                ["$ref": "#/components/schemas/\(name)"])
            #expect(problems.isEmpty, "\(name): \(problems)")
        }
        // Proves that the checker does find problems.
        #expect(!checker.problems(["id": 5], ["$ref": "#/components/schemas/Job"]).isEmpty)
    }

    @Test func thePageHasAllItsFiles() throws {
        let folder = Fixture.url("../../Sources/Service/Page").standardized.path
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(Set(names) == Set(Service.pageFiles))
        let service = try RunningService()
        for name in names {
            let answer = try service.get("/\(name)")
            #expect(answer.status == 200)
            // The modules of the page are one script.
            if name != "main.js" {
                #expect(answer.body == FileManager.default.contents(atPath: "\(folder)/\(name)"))
            }
            let tag = try #require(answer.headers["etag"])
            #expect(try service.get("/\(name)", ["If-None-Match: \(tag)"]).status == 304)
        }
    }
}

/// Checks JSON against the subset of JSON Schema in the description.
private struct SchemaChecker {
    let document: [String: Any]

    func problems(_ value: Any, _ schema: [String: Any], at path: String = "$") -> [String] {
        if let reference = schema["$ref"] as? String {
            let found = reference.dropFirst(2).split(separator: "/").reduce(document as Any) {
                ($0 as? [String: Any])?[String($1)] ?? [:]
            }
            guard let found = found as? [String: Any], !found.isEmpty else {
                return ["\(path): no \(reference)"]
            }
            return problems(value, found, at: path)
        }
        if let choices = schema["oneOf"] as? [[String: Any]] {
            let fitting = choices.count { problems(value, $0, at: path).isEmpty }
            return fitting == 1 ? [] : ["\(path): fits \(fitting) of oneOf"]
        }
        var found: [String] = []
        let types = schema["type"] as? [String] ?? (schema["type"] as? String).map { [$0] } ?? []
        if !types.isEmpty, !types.contains(where: { isA(value, $0) }) {
            return ["\(path): \(value) is not \(types)"]
        }
        if let choices = schema["enum"] as? [String], let text = value as? String,
            !choices.contains(text)
        {
            found.append("\(path): \(text) is not one of \(choices)")
        }
        if let pattern = schema["pattern"] as? String, let text = value as? String,
            text.range(of: pattern, options: .regularExpression) == nil
        {
            found.append("\(path): \(text) is not \(pattern)")
        }
        if let object = value as? [String: Any] {
            let known = schema["properties"] as? [String: [String: Any]] ?? [:]
            for name in schema["required"] as? [String] ?? [] where object[name] == nil {
                found.append("\(path): no \(name)")
            }
            for (name, member) in object {
                if let schema = known[name] {
                    found += problems(member, schema, at: "\(path).\(name)")
                } else if schema["additionalProperties"] as? Bool == false {
                    found.append("\(path): \(name) is not described")
                }
            }
        }
        if let list = value as? [Any], let items = schema["items"] as? [String: Any] {
            for (index, item) in list.enumerated() {
                found += problems(item, items, at: "\(path)[\(index)]")
            }
        }
        return found
    }

    private func isA(_ value: Any, _ type: String) -> Bool {
        let isBool = (value as? NSNumber).map { "\($0.objCType.pointee)" == "99" } ?? false
        return switch type {
        case "null": value is NSNull
        case "object": value is [String: Any]
        case "array": value is [Any]
        case "string": value is String
        case "boolean": value is Bool
        case "integer": !isBool && value is Int
        case "number": !isBool && (value is Double || value is Int)
        default: false
        }
    }
}
