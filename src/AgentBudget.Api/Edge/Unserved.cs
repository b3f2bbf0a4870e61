using AgentBudget.Api.Access;
using AgentBudget.Api.Edge.Checks;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.Edge;

/// <summary>Answers what no endpoint serves.</summary>
internal static class Unserved
{
    internal static Task AnswerAsync(HttpContext http, CallMeter meter)
    {
        if (!CallEnd.IsGrpc(http.Request) && !IsOfService(http.Request.Path))
            return Routes.AnswerTextAsync(http, StatusCodes.Status404NotFound, "not found\n");
        meter.Unknown.Add(StatusCode.Unimplemented);
        return CallEnd.RefuseAsync(http, EdgeFaults.MethodUnknown(http.Request.Path.Value ?? ""));
    }

    private static bool IsOfService(PathString path) =>
        ApiServices.Descriptors.Any(service => path.StartsWithSegments($"/{service.FullName}"));
}
