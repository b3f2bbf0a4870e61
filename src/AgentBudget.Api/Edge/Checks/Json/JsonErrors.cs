using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Google.Rpc;
using Microsoft.AspNetCore.Http;
using HttpResponse = Microsoft.AspNetCore.Http.HttpResponse;
using Status = Google.Rpc.Status;

namespace AgentBudget.Api.Edge.Checks.Json;

/// <summary>Errors as JSON, <c>{"code":3,"message":"…","details":[…]}</c>, with their HTTP status.</summary>
internal static class JsonErrors
{
    private static readonly JsonFormatter Formatter = new(
        JsonFormatter.Settings.Default.WithTypeRegistry(TypeRegistry.FromFiles(ErrorDetailsReflection.Descriptor)));

    internal static async Task WriteAsync(HttpResponse response, Status error)
    {
        byte[] body = Encoding.UTF8.GetBytes(Formatter.Format(error));
        response.StatusCode = HttpStatusOf((Code)error.Code);
        response.ContentType = "application/json";
        response.Headers.ContentLength = body.Length;
        await response.Body.WriteAsync(body);
    }

    // As google/rpc/code.proto maps what the edge answers.
    private static int HttpStatusOf(Code code) => code switch
    {
        Code.InvalidArgument => StatusCodes.Status400BadRequest,
        Code.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        Code.Unimplemented => StatusCodes.Status501NotImplemented,
        Code.DeadlineExceeded => StatusCodes.Status504GatewayTimeout,
        _ => StatusCodes.Status500InternalServerError,
    };
}
