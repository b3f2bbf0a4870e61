using System.Globalization;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Status = Google.Rpc.Status;

namespace AgentBudget.Rpc.Wire;

/// <summary>A status as gRPC's trailers carry it.</summary>
internal static class GrpcStatus
{
    internal const string DetailsHeader = "grpc-status-details-bin";

    // Clients refuse metadata beyond 8 KiB, all headers together. What is beyond these is cut, so that the code at
    // least arrives.
    private const int DetailsBytesMax = 4 * 1024;
    private const int MessageCharsMax = 1024;

    internal static void Write(IHeaderDictionary target, RpcException error)
    {
        Status status = error.Status;
        target.GrpcStatus = new StringValues(((int)error.StatusCode).ToString(CultureInfo.InvariantCulture));
        if (status.Message.Length > 0)
            target.GrpcMessage = PercentEncoding.Encode(Cut(status.Message));
        if (status.Details.Count > 0 && status.CalculateSize() <= DetailsBytesMax)
            target[DetailsHeader] = BinaryMetadata.Encode(status.ToByteArray());
    }

    private static string Cut(string message)
    {
        if (message.Length <= MessageCharsMax)
            return message;
        int length = char.IsHighSurrogate(message[MessageCharsMax - 1]) ? MessageCharsMax - 1 : MessageCharsMax;
        return message[..length];
    }
}
