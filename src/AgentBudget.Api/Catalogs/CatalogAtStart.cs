using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs;

/// <summary>Applies a catalog on the silo's own behalf, at its start.</summary>
public sealed class CatalogAtStart
{
    private readonly ApplyCatalog _apply;
    private readonly TimeProvider _time;

    internal CatalogAtStart(ApplyCatalog apply, TimeProvider time)
    {
        _apply = apply;
        _time = time;
    }

    /// <summary>Throws <see cref="Grpc.Core.RpcException"/> as ApplyCatalog does.</summary>
    /// <param name="document">The document, in YAML or JSON.</param>
    /// <param name="reading">The document as read, without faults.</param>
    public async Task<ApplyCatalogResponse> ApplyAsync(string document, CatalogReading reading)
    {
        ArgumentNullException.ThrowIfNull(reading);
        // Applying is declarative, so every start is a request of its own and a repetition changes nothing.
        ApplyCatalogRequest request = new()
        {
            RequestId = $"start-{_time.GetUtcNow().ToUnixTimeMilliseconds()}",
            Format = CatalogFormat.Yaml,
            Document = document,
        };
        return await _apply.ApplyAsync(request, reading, actor: "start");
    }
}
