using System.Buffers.Text;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;

namespace AgentBudget.Rpc.Wire;

/// <summary>A Connect unary call as the query of a GET, which browsers and caches can keep.</summary>
/// <param name="Protocol">From <c>encoding</c>.</param>
/// <param name="Message">From <c>message</c>, as it was before <c>base64</c>; compressed as <paramref
/// name="Compression"/> says.</param>
/// <param name="Compression">From <c>compression</c>; null when there is none.</param>
internal sealed record ConnectQuery(WireProtocol Protocol, byte[] Message, string? Compression)
{
    /// <summary>Reads the query; null when it names no encoding that is known, which is no Connect call.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT: it is one, but malformed.</exception>
    internal static ConnectQuery? Parse(string query)
    {
        string? encoding = null, message = null, compression = null, isBase64 = null, version = null;
        foreach (QueryStringEnumerable.EncodedNameValuePair pair in new QueryStringEnumerable(query))
        {
            string value = pair.DecodeValue().ToString();
            switch (pair.DecodeName().Span)
            {
                case "encoding": encoding = value; break;
                case "message": message = value; break;
                case "compression": compression = value; break;
                case "base64": isBase64 = value; break;
                case "connect": version = value; break;
            }
        }

        WireProtocol? protocol = encoding switch
        {
            "json" => WireProtocol.ConnectUnaryJson,
            "proto" => WireProtocol.ConnectUnaryProto,
            _ => null,
        };
        if (protocol is not WireProtocol known)
            return null;
        if (version is not (null or "v1"))
            throw Faults.ProtocolVersionUnknown(version);
        if (message is null)
            throw Faults.MessageMalformed("the query has no message.");
        byte[] bytes = isBase64 == "1" ? Decode(message) : Encoding.UTF8.GetBytes(message);
        return new ConnectQuery(known, bytes, compression);
    }

    private static byte[] Decode(string message)
    {
        string text = message.TrimEnd('=').Replace('+', '-').Replace('/', '_');
        return Base64Url.IsValid(text)
            ? Base64Url.DecodeFromChars(text)
            : throw Faults.MessageMalformed("the query's message is not base64.");
    }
}
