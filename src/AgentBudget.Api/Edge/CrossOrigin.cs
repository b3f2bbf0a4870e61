using Microsoft.AspNetCore.Cors.Infrastructure;

namespace AgentBudget.Api.Edge;

/// <summary>
/// Lets pages of the allowed origins call and read the answers. Callers authenticate with a header that a page must set
/// itself, so there are no credentials that a browser would add, and none are allowed.
/// </summary>
internal static class CrossOrigin
{
    // As long as browsers keep an answer at all.
    private static readonly TimeSpan PreflightAge = TimeSpan.FromHours(2);

    internal static void Configure(CorsPolicyBuilder policy, IReadOnlyList<string> origins)
    {
        if (origins.Contains("*"))
            policy.AllowAnyOrigin();
        else
            policy.WithOrigins([.. origins]);
        // Metadata has any name, and the origin is trusted by now. What a page may read beyond the few headers that it
        // always may: statuses, and what decodes the body.
        policy.AllowAnyHeader()
            .AllowAnyMethod()
            .WithExposedHeaders(
                "grpc-status", "grpc-message", "grpc-status-details-bin", "grpc-encoding", "grpc-accept-encoding")
            .SetPreflightMaxAge(PreflightAge);
    }
}
