using AgentBudget.Api.Access;
using Microsoft.AspNetCore.Http;

namespace AgentBudget.Api.Edge;

// Sources of requests are the networks that they come from.
internal sealed partial class DefectLog
{
    /// <summary>Writes a line, unless the request's source has had one within this second.</summary>
    internal void Write(HttpContext http, string what, Exception failure) =>
        Write(ConnectionMemory.OriginOf(http.Features).Place, what, failure);
}
