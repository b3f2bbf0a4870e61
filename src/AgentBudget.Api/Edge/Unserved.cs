using AgentBudget.Api.Access;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.Edge;

/// <summary>Answers what no endpoint serves.</summary>
internal static class Unserved
{
    internal static Task AnswerAsync(HttpContext http, CallMeter meter)
    {
        if (!CallEnd.IsGrpc(http.Request))
            return Routes.AnswerTextAsync(http, StatusCodes.Status404NotFound, "not found\n");
        meter.Unknown.Add(StatusCode.Unimplemented);
        return CallEnd.RefuseAsync(http, EdgeErrors.MethodUnknown(http.Request.Path.Value ?? ""));
    }
}
