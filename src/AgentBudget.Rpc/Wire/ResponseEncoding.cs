using System.Buffers;
using System.IO.Compression;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AgentBudget.Rpc.Wire;

/// <summary>Whether a caller takes gzip, and the compression of responses for those who do.</summary>
internal static class ResponseEncoding
{
    internal const string Gzip = "gzip";

    // Below one packet nothing is won, and the decisions that callers wait for are far below.
    internal const int CompressBytesMin = 1024;

    internal static bool AcceptsGzip(WireProtocol protocol, IHeaderDictionary headers)
    {
        StringValues accepted = protocol switch
        {
            WireProtocol.Grpc or WireProtocol.GrpcWeb or WireProtocol.GrpcWebText => headers.GrpcAcceptEncoding,
            WireProtocol.ConnectUnaryJson or WireProtocol.ConnectUnaryProto => headers.AcceptEncoding,
            WireProtocol.ConnectStreamJson or WireProtocol.ConnectStreamProto => headers["connect-accept-encoding"],
        };
        return accepted.Count > 0 && NamesGzip(accepted.ToString());
    }

    /// <summary>Says in the headers that messages may be compressed.</summary>
    internal static void Announce(WireProtocol protocol, IHeaderDictionary headers)
    {
        switch (protocol)
        {
            case WireProtocol.Grpc:
            case WireProtocol.GrpcWeb:
            case WireProtocol.GrpcWebText:
                headers.GrpcEncoding = Gzip;
                break;
            case WireProtocol.ConnectUnaryJson:
            case WireProtocol.ConnectUnaryProto:
                headers.ContentEncoding = Gzip;
                headers.Append("vary", "Accept-Encoding");
                break;
            case WireProtocol.ConnectStreamJson:
            case WireProtocol.ConnectStreamProto:
                headers["connect-content-encoding"] = Gzip;
                break;
        }
    }

    internal static ReadOnlySpan<byte> Compress(IMessage message, int length)
    {
        byte[] plain = ArrayPool<byte>.Shared.Rent(length);
        message.WriteTo(plain.AsSpan(0, length));
        ReadOnlySpan<byte> compressed = Compress(plain.AsSpan(0, length));
        ArrayPool<byte>.Shared.Return(plain);
        return compressed;
    }

    internal static ReadOnlySpan<byte> Compress(ReadOnlySpan<byte> plain)
    {
        MemoryStream compressed = new(capacity: plain.Length / 2);
        using (GZipStream gzip = new(compressed, CompressionLevel.Fastest, leaveOpen: true))
            gzip.Write(plain);
        return compressed.GetBuffer().AsSpan(0, (int)compressed.Length);
    }

    private static bool NamesGzip(ReadOnlySpan<char> accepted)
    {
        foreach (Range range in accepted.Split(','))
        {
            ReadOnlySpan<char> name = accepted[range].Trim();
            int parameters = name.IndexOf(';');
            ReadOnlySpan<char> weight = parameters < 0 ? [] : name[(parameters + 1)..].Trim();
            if (parameters >= 0)
                name = name[..parameters].TrimEnd();
            if (name.Equals(Gzip, StringComparison.OrdinalIgnoreCase))
                return weight is not ("q=0" or "q=0.0" or "q=0.00" or "q=0.000");
        }

        return false;
    }
}
