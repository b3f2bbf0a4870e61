using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace AgentBudget.Silo.Edge;

/// <summary>What one connection, and all of them, may take.</summary>
internal static class ConnectionLimits
{
    // A connection costs some 24 KiB idle; this many stay below 256 MiB.
    private const long ConnectionsMax = 10_000;

    // The value that gRPC servers commonly announce; clients queue further calls themselves.
    private const int StreamsPerConnectionMax = 100;

    // A bearer token of 8 KiB with room for everything else.
    private const int HeadersBytesMax = 16 * 1024;

    // A stream's window holds the largest message, so that its sender never stops in the middle of one.
    private const int StreamWindowMarginBytes = 64 * 1024;
    private const int StreamWindowBytesMax = 1024 * 1024;

    // Kestrel's own default: many small messages of many streams at once.
    private const int ConnectionWindowBytes = 1024 * 1024;

    // A dead peer is noticed within their sum; a stream that waits for news has no other sign of life.
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PingTimeout = TimeSpan.FromSeconds(10);

    // A head is one packet; a dripped one is cut, HTTP/1.1 and HTTP/2 alike.
    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(30);

    // Longer than common proxies keep an idle connection, so that they close it and no request meets a closing one. An
    // HTTP/2 connection that never opens a stream has as long.
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromSeconds(130);

    // A message in a query, as long as Kestrel's own default.
    private const int RequestLineBytesMax = 8 * 1024;

    // A request has a dozen headers.
    private const int HeadersMax = 100;

    internal static void Apply(KestrelServerOptions kestrel, int messageBytesMax)
    {
        kestrel.AddServerHeader = false;
        KestrelServerLimits limits = kestrel.Limits;
        limits.MaxConcurrentConnections = ConnectionsMax;
        limits.MaxRequestHeadersTotalSize = HeadersBytesMax;
        limits.MaxRequestHeaderCount = HeadersMax;
        limits.MaxRequestLineSize = RequestLineBytesMax;
        limits.RequestHeadersTimeout = HeadersTimeout;
        limits.KeepAliveTimeout = IdleTimeout;

        // Both count over a whole stream, however long it lives, and break its connection with all other calls on it.
        // Messages are bounded by their prefix and by their arrival time instead.
        limits.MaxRequestBodySize = null;
        limits.MinRequestBodyDataRate = null;

        // A reader of a stream may pause as long as it likes: it holds up nobody, and pings find the dead ones.
        limits.MinResponseDataRate = null;

        limits.Http2.MaxStreamsPerConnection = StreamsPerConnectionMax;
        limits.Http2.MaxRequestHeaderFieldSize = HeadersBytesMax;
        limits.Http2.InitialStreamWindowSize =
            Math.Min(messageBytesMax + StreamWindowMarginBytes, StreamWindowBytesMax);
        limits.Http2.InitialConnectionWindowSize = ConnectionWindowBytes;
        limits.Http2.KeepAlivePingDelay = PingDelay;
        limits.Http2.KeepAlivePingTimeout = PingTimeout;
    }

    // To wait for bytes without a buffer asks the system twice for every 4 KiB that arrive. With one, a connection that
    // is silent keeps as many.
    internal static void Apply(SocketTransportOptions sockets) => sockets.WaitForDataBeforeAllocatingBuffer = false;
}
