import Foundation
import Service
import TestSupport
import Testing

/// The page that separates in the browser, as the service hands it out.
struct WebFolderTests {
    private func webFolder() throws -> TemporaryFolder {
        let folder = TemporaryFolder()
        _ = try folder.write("<!doctype html><title>web</title>", "index.html")
        _ = try folder.write(Data([0, 97, 115, 109, 1, 0, 0, 0]), "engine.wasm")
        return folder
    }

    @Test func itsFilesAndTheServicesOwnHaveTheirPolicies() throws {
        let folder = try webFolder()
        let service = try RunningService { $0.webFolder = folder.url.path }
        let page = try service.get("/web/")
        #expect(page.status == 200)
        #expect(page.text.contains("<title>web</title>"))
        #expect(page.headers["content-type"] == "text/html")
        let engine = try service.get("/web/engine.wasm")
        #expect(engine.headers["content-type"] == "application/wasm")
        #expect(engine.body.count == 8)
        for answer in [page, engine] {
            #expect(answer.headers["cross-origin-opener-policy"] == "same-origin")
            #expect(answer.headers["cross-origin-embedder-policy"] == "require-corp")
            #expect(answer.headers["cross-origin-resource-policy"] == "same-origin")
            #expect(answer.headers["content-security-policy"] == "frame-ancestors 'none'")
        }
        let own = try service.get("/")
        let policy = try #require(own.headers["content-security-policy"])
        #expect(policy.contains("script-src 'self';") && !policy.contains("unsafe"))
        #expect(own.headers["x-frame-options"] == "DENY")
        #expect(own.headers["cross-origin-embedder-policy"] == nil)
        #expect(try service.get("/web/nothing.js").status == 404)
        #expect(try service.get("/v1/models").object["has_web"] as? Bool == true)
    }

    @Test func withoutAFolderThereIsNoSuchPage() throws {
        let service = try RunningService()
        #expect(try service.get("/web/").status == 404)
        #expect(try service.get("/v1/models").object["has_web"] as? Bool == false)
        let explainer = try service.get("/explain/")
        #expect(explainer.status == 404)
        #expect(explainer.text.contains("--web"))
    }

    @Test func theExplainerLiesInAFolderOfIt() throws {
        let folder = try webFolder()
        _ = try folder.write("<!doctype html><title>explainer</title>", "explain/index.html")
        _ = try folder.write("export {};", "explain/main.js")
        let service = try RunningService { $0.webFolder = folder.url.path }
        let place = try service.get("/explain/")
        #expect(place.status == 307)
        #expect(place.headers["location"] == "../web/explain/")
        #expect(try service.get("/explain").headers["location"] == "web/explain/")
        #expect(try service.get("/explain/main.js").status == 404)
        let page = try service.get("/web/explain/")
        #expect(page.text.contains("<title>explainer</title>"))
        #expect(page.headers["cross-origin-embedder-policy"] == "require-corp")
        #expect(
            try service.get("/web/explain/main.js").headers["content-type"] == "text/javascript")
        #expect(try service.get("/web/explain/none.js").status == 404)
    }

    @Test func aFolderWithoutThePageIsRefused() throws {
        let folder = TemporaryFolder()
        let error = #expect(throws: ServiceError.self) {
            try RunningService { $0.webFolder = folder.url.path }
        }
        #expect(error?.description.contains("there is no index.html") == true)
    }
}
