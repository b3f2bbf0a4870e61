namespace AgentBudget.Cli.Prices;

/// <summary>
/// Fields of LiteLLM's map that are a price of something else than a token, and the unit that a price of the catalog
/// has for each: a line each. Callers count the unit under this name.
/// </summary>
internal static class UnitFields
{
    private const int OnePlaces = 15; // From money for one to nanos per million.
    private const int ThousandPlaces = OnePlaces - 3;
    private const int UnitCharsMax = 128; // As a catalog takes.

    // Of two fields of one unit the dearer is paid: they are two names of one thing.
    private static readonly (string Field, string Unit, int Places)[] Table =
    [
        ("input_cost_per_second", "second", OnePlaces),
        ("output_cost_per_second", "second", OnePlaces),
        ("input_cost_per_audio_per_second", "input_audio_second", OnePlaces),
        ("output_cost_per_audio_per_second", "output_audio_second", OnePlaces),
        ("input_cost_per_video_per_second", "input_video_second", OnePlaces),
        ("output_cost_per_video_per_second", "output_video_second", OnePlaces),
        ("input_cost_per_image", "input_image", OnePlaces),
        ("output_cost_per_image", "output_image", OnePlaces),
        ("input_cost_per_pixel", "pixel", OnePlaces),
        ("output_cost_per_pixel", "pixel", OnePlaces),
        ("input_cost_per_character", "input_character", OnePlaces),
        ("output_cost_per_character", "output_character", OnePlaces),
        ("input_cost_per_query", "query", OnePlaces),
        ("input_cost_per_request", "request", OnePlaces),
        ("cost_per_request", "request", OnePlaces),
        ("search_context_cost_per_query", "web_search", OnePlaces),
        ("web_search_cost_per_call", "web_search", OnePlaces),
        ("file_search_cost_per_1k_calls", "file_search", ThousandPlaces),
        ("code_interpreter_cost_per_session", "code_interpreter_session", OnePlaces),
        ("ocr_cost_per_page", "page", OnePlaces),
        ("ocr_cost_per_credit", "credit", OnePlaces),
        ("annotation_cost_per_page", "annotated_page", OnePlaces),
    ];

    // What no counted item of a call is, with the reason. The longest part that a field has is its reason.
    private static readonly (string Part, string Why)[] Unsaid =
    [
        ("_per_gb", "a price of storage by the day is no part of a call: it can be a SKU"),
        ("_per_video_token", "tokens of video are counted as input"),
        ("citation_cost_per_token", "tokens of citations are counted as input"),
        ("computer_use_", "tokens of computer use are counted as input and output"),
        ("_per_unit", "no call says how many units its guardrail counted"),
        ("regional_endpoint_uplift_multiplier", "names no region"),
    ];

    /// <summary>
    /// The unit of a field, and how far money for one of it is from nanos per million. What a field adds to one of the
    /// table, a size or a quality, it adds to the unit: "output_cost_per_second_1080p" is of "second_1080p".
    /// </summary>
    public static bool TryFind(string field, out string unit, out int places)
    {
        (unit, places) = ("", 0);
        int length = 0;
        foreach ((string known, string name, int shift) in Table)
        {
            bool isOf = field.StartsWith(known, StringComparison.Ordinal)
                && (field.Length == known.Length || field[known.Length] == '_');
            if (!isOf || known.Length < length) continue;
            (unit, places, length) = (name + field[known.Length..], shift, known.Length);
        }

        return length > 0 && unit.Length <= UnitCharsMax && unit.All(letter => char.IsAsciiLetterOrDigit(letter)
            || letter == '_') && !field.AsSpan(length).StartsWith("_token", StringComparison.Ordinal);
    }

    /// <summary>Why a price that is of no unit is not said.</summary>
    public static string WhyUnsaid(string field)
    {
        string why = "is no field that is known";
        int length = 0;
        foreach ((string part, string reason) in Unsaid)
        {
            if (part.Length > length && field.Contains(part, StringComparison.Ordinal))
                (why, length) = (reason, part.Length);
        }

        return why;
    }
}
