using System.Text.Json.Serialization;

namespace AgentBudget.Identity;

/// <summary>A key that signed before.</summary>
/// <param name="Rotation">What retired it.</param>
/// <param name="PublicJwk">Its public part.</param>
/// <param name="EndedBy">What ended it sooner; null for nothing.</param>
internal sealed record RetiredKey(
    KeyRotation Rotation, Dictionary<string, string> PublicJwk, KeyRotation? EndedBy = null)
{
    /// <summary>Until when its tokens are taken.</summary>
    [JsonIgnore]
    public long RetireSeconds => EndedBy?.RetireSeconds ?? Rotation.RetireSeconds;

    /// <summary>What a request did before; null for one that did nothing yet.</summary>
    public static KeyRotation? AnswerTo(List<RetiredKey> retired, string requestId) =>
        retired.Find(key => key.Rotation.RequestId == requestId)?.Rotation
        ?? retired.Find(key => key.EndedBy?.RequestId == requestId)?.EndedBy;
}
