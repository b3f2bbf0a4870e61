using System.Collections.Frozen;
using System.Reflection;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Dashboard.Hosting;

/// <summary>The files of the pages, which are resources of this assembly. Their addresses change with them.</summary>
internal static class PageAssets
{
    private const string Immutable = "public, max-age=31536000, immutable";

    private static readonly FrozenDictionary<string, Asset> All = new (string Name, string Type)[]
    {
        ("dashboard.css", "text/css"),
        ("dashboard.js", "text/javascript"),
        ("theme.js", "text/javascript"),
        ("blazor.web.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    }.Select(file => Asset.Load(file.Name, file.Type)).ToFrozenDictionary(file => file.Name);

    private sealed record Asset(string Name, string Type, byte[] Bytes, string Version)
    {
        internal static Asset Load(string name, string type)
        {
            using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
            using MemoryStream bytes = new();
            stream.CopyTo(bytes);
            byte[] content = bytes.ToArray();
            return new Asset(name, type, content, Convert.ToHexStringLower(SHA256.HashData(content))[..16]);
        }
    }

    /// <summary>The address of a file, below the base of the pages.</summary>
    internal static string AddressOf(string name) => $"assets/{All[name].Version}/{name}";

    internal static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/assets/{version}/{name}", AnswerAsync);

    private static Task AnswerAsync(HttpContext http)
    {
        string name = (string)http.Request.RouteValues["name"]!;
        if (!All.TryGetValue(name, out Asset? file))
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        }

        bool isCurrent = file.Version == (string)http.Request.RouteValues["version"]!;
        http.Response.Headers.CacheControl = isCurrent ? Immutable : "no-store";
        http.Response.ContentType = file.Type;
        http.Response.ContentLength = file.Bytes.Length;
        return http.Response.Body.WriteAsync(file.Bytes, http.RequestAborted).AsTask();
    }
}
