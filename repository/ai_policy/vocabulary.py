"""The words of policies, as regular expressions over ``plain_words``."""

import re

_MODEL = (
    r"(?:ai|artificial intelligence|gen ?ai|generative(?: ai)?|llms?|large language models?"
    r"|language models?|chat ?gpt|gpt ?\d\w*|(?:github )?copilot|claude(?: code)?|gemini|codex"
    r"|openclaw|devin|chat ?bots?|code generators?|coding (?:agents?|assistants?|bots?)"
    r"|agentic|vibe cod(?:e|ed|ing)|machine learning models?|stochastic parrots?)"
)
_KIND = (
    r"(?:tools?|tooling|models?|assistants?|assistance|systems?|agents?|bots?|technolog\w+"
    r"|services?|software|content generators?|code generators?|generators?|engines?)"
)
_AND = r"(?:,? ?(?:or|and|and or|,|such as|including|like|ex|etc) )"
AI = rf"(?:\b{_MODEL}(?:{_AND}?(?: ?{_MODEL}))*(?: {_KIND})*\b)"

_MADE = (
    r"(?:generated|written|authored|created|produced|made|assisted|aided|based|driven|powered"
    r"|derived|coded|composed|drafted|submitted|opened|enabled|augmented|built|developed)"
)
STRONG_WORK = (
    r"(?:contributions?|(?:pull|merge|change) requests?|prs?|mrs?|patch(?:es)?|patchsets?|commits?"
    r"|submissions?|changesets?|code contributions?)(?! (?:messages?|descriptions?|titles?"
    r"|templates?"
    r"|comments?|reviews?|guidelines?|policy|summar\w+|discussions?))"
)
_WEAK_WORK = (
    r"(?:code|changes?|content|contents|work|works|text|documentation|docs|material|output|outputs"
    r"|source code|code changes?|slop|stuff|anything|software|fixes)"
    r"(?! (?:of conduct|style|review\w*|owners?|base|coverage|features?|quality))"
)
WORK = rf"(?:{STRONG_WORK}|{_WEAK_WORK})"
SUCH_WORK = (
    r"(?:(?:such|these|those|this kind of|this type of|any such) (?:\w+ )?"
    rf"(?:{WORK}|tools?|things?|generators?)"
    rf"|\b{WORK} (?:\w+ )?(?:written|made|generated|created|produced) (?:by|with|using)"
    r" (?:it|them|these|those)\b)"
)

#: The words of a clause between two that matter.
GAP = r"[^.;!?]{0,90}?"
_SPAN = r"[\w, ]{0,90}?"
_BY = (
    r"(?:by|with|from|using|via|involv\w+|contain\w*|includ\w+|derive[sd]? from|utiliz\w+|through"
    r"|had|use[sd]?|out of|output of|help of|assistance of|aid of|whose author is)"
)
#: A contribution that a model made, or was used for.
AI_WORK = (
    rf"(?:{AI} {_MADE}(?: or {AI}? ?{_MADE})?(?: \w+){{0,3}}? {WORK}"
    rf"|{AI} {WORK}"
    rf"|\b{WORK}\b{_SPAN} {_BY} {_SPAN}{AI}"
    rf"|\b{WORK}\b{_SPAN} {AI} (?:{_MADE}|wrote|had a hand)"
    rf"|\b(?:output|product|work) of (?:\w+ ){{0,2}}?{AI}"
    rf"|\b{WORK}\b{_SPAN} (?:smells?|smelling|reeks?|looks?|looking) (?:of|like) (?:\w+ )?{AI}"
    r"|\b(?:fully|mostly|machine|bot|auto|automatically|computer) ?generated (?:\w+ )?"
    rf"{WORK}"
    rf"|\b(?:automated|bot|agent)(?: or bot)? (?:\w+ )?{STRONG_WORK}"
    rf"|\b{STRONG_WORK}{_SPAN} (?:by|from) (?:\w+ ){{0,3}}(?:bots?|machines?|agents?"
    r"|automated tools?)\b)"
)
_NEGATION = (
    r"(?:(?:do|does|did|will|can|could|shall|should|must|may|are|is|am) not|never"
    r"|no longer|not|unable to)"
)
#: A model used for contributions.
AI_FOR_WORK = (
    rf"(?:{AI} (?:\w+ ){{0,3}}?(?:for|in|to|when|on) (?:\w+ ){{0,6}}?{WORK}"
    rf"|{AI} (?:\w+ ){{0,3}}?(?:for|to|in|when|while) (?:contribut\w+|cod(?:e|ing)|writing code))"
)
#: A contribution that must not come from a model, as one phrase.
NOT_OF_AI = (
    rf"\b{WORK}\b{_SPAN} {_NEGATION} (?:\w+ ){{0,3}}?(?:be|include|contain|involve|use|have|come)\b"
    rf"{_SPAN} (?:{AI})"
)
#: The use of a model, without a word for what it is used for.
AI_USE = rf"(?:\b(?:use|usage|using|utiliz\w+|employ\w*|help|assistance|aid)\b{_SPAN}{AI})"
#: Agents that act without a person.
AGENTS = (
    r"(?:(?:fully |completely |entirely )?(?:autonomous|unsupervised|unattended|fully automated|"
    r"automated|agentic|ai|coding|llm) (?:\w+ )?(?:agents?|bots?|tools?))"
)

_ACCEPTED = (
    r"(?:accept(?:ed|able|ing)?|allow(?:ed|ing)?|permit(?:ted|ting)?|permissible|welcom(?:ed?|ing)"
    r"|merg(?:ed?|ing)|consider(?:ed|ing)?|tolerat(?:ed?|ing)|approv(?:ed?|ing)|want(?:ed)?"
    r"|appreciated?|tak(?:e|en|ing)|eligible|support(?:ed)?|okay|ok|(?<!code )review(?:ed|ing)?"
    r"|appropriate"
    r"|submitted|committed|contributed|used|suitable|desired|entertain(?:ed)?"
    r"|look(?:ed)? at|open to|interested in|pull(?:ed)?"
    r"|incorporat(?:ed?|ing)|adopt(?:ed)?|part of|appl(?:y|ied))"
)
_BANNED = (
    r"(?:prohibited|forbidden|banned|disallowed|unacceptable|unwelcome|rejected|closed|declined"
    r"|refused|denied|deleted|removed|reverted|barred|discarded|outlawed|off limits|verboten"
    r"|turned (?:down|away)|thrown (?:out|away)|ignored|blocked|unwanted)"
)
#: Verbs that follow what is forbidden.
BANNED_AFTER = (
    rf"(?:\b(?:is|are|be|been|being|was|were|get|gets|remains?"
    rf"|considered)\b (?:\w+ly |all |both |also |therefore |thus )*(?:and )?(?:\w+ly )?{_BANNED}\b"
    rf"|\b{_NEGATION} (?:\w+ ){{0,3}}?{_ACCEPTED}\b"
    rf"|: (?:\w+ly )*{_BANNED}\b|\b(?:strictly |explicitly |expressly )(?:{_BANNED})\b"
    r"|\b(?:not here|have no place|has no place|is a no go|are a no go)\b"
    r"|\b(?:violates?|breaks) (?:our|the|this|these)\b"
    r"|\b(?:is|are) grounds for (?:\w+ )?(?:rejection|closure|closing|a ban)\b"
    r"|\b(?:gets?|will get) you (?:\w+ )?(?:banned|blocked)\b)"
)
_SUBMIT = (
    r"(?:submit(?:ted|ting)?|us(?:e|ed|ing)|open(?:ing)?|send(?:ing)?|contribut(?:e|ing)"
    r"|creat(?:e|ing)"
    r"|includ(?:e|ing)|contain(?:ing)?|post(?:ing)?|push(?:ing)?|writ(?:e|ing)|generat(?:e|ing)"
    r"|mak(?:e|ing)|fil(?:e|ing)|propos(?:e|ing)|commit(?:ting)?|add(?:ing)?|provid(?:e|ing)"
    r"|rely|relying|employ(?:ing)?|utiliz(?:e|ing)|attach|paste|pasting|copy|copying|have|bring"
    r"|publish(?:ing)?|be)"
)
_REJECT = (
    r"(?:reject(?:s|ing)?|declin(?:es?|ing)|refus(?:es?|ing)|bans?|banning|forbids?|prohibits?"
    r"|disallows?|clos(?:es?|ing)|den(?:y|ies)|delet(?:es?|ing)|bars?|forbidden|prohibited|banned)"
)
#: Words that come before what is forbidden.
BANNED_BEFORE = (
    rf"(?:\b{_NEGATION} (?:\w+ ){{0,3}}?(?:{_ACCEPTED}|{_SUBMIT})\b"
    r"|\b(?:refrain|abstain|prohibited|banned|barred) from\b|\bstop\b|\bzero tolerance\b"
    r"|\b(?:policy|policies|rules?|ban) against\b"
    r"|\b(?:under no circumstances?|in no case|at no time)\b"
    rf"|\b(?:we|i|project|projects|policy|maintainers|to|will|immediately|please|it is|is"
    rf"|are|strictly|expressly|explicitly|following) (?:\w+ ){{0,2}}?{_REJECT}\b"
    r"|(?:^|[:,;.] |\b(?:strict|strictly|absolutely|please|is|are|accept|allow|has a|have a"
    r"|a|the|says|use|there must be) )no\b)"
)
_PERSON = (
    r"(?:a |an |actual |real |living |one or more )*(?:humans?|persons?|people"
    r"|human beings?|human hands?)"
)
#: A contribution must be a person's.
HUMAN_ONLY = (
    rf"(?:\b{WORK}\b{_SPAN} (?:must|should|shall|has to|have to|needs? to|ha(?:s|ve) to) be"
    r" (?:\w+ ){0,4}?(?:written|authored|made|created|produced|developed|done|coded)"
    rf" (?:\w+ ){{0,2}}?by {_PERSON}\b"
    rf"|\bonly (?:accept|merge|take|consider|want|allow|welcome)\b{_SPAN}"
    rf"(?:by {_PERSON}\b|human (?:written|authored|made))"
    rf"|\bonly (?:accept|merge|take|consider|want|allow|welcome)\b{_SPAN} without"
    rf" (?:\w+ ){{0,5}}?{AI}"
    rf"|\bhuman (?:written|authored|made) {WORK} only\b|\b(?:only|must be) human (?:written"
    rf"|authored|made)\b"
    rf"|\b(?:free of|free from|without) (?:\w+ ){{0,3}}?(?:{AI} {_MADE}|{AI_WORK})"
    rf"|\b{WORK}\b{_SPAN} must be (?:\w+ ){{0,6}}?without (?:\w+ ){{0,5}}?{AI})"
)
#: Work without a person, however the rest of a policy regards models.
_ALONE = (
    r"(?:fully|entirely|wholly|purely|solely|predominantly|primarily|mostly|completely|largely"
    r"|exclusively|autonomous(?:ly)?|unsupervised|unattended|100)"
)
WITHOUT_PERSON = re.compile(
    rf"\b{_ALONE}\b|\bwithout (?:\w+ ){{0,3}}?human\b|\bwithout human\b|\bno human\b"
)
UNREVIEWED = re.compile(
    r"\bunreviewed\b|\bunedited\b|\bwithout (?:\w+ ){0,3}?(?:review|reviewing|reviewed|oversight)\b"
    r"|\b(?:not|never) (?:\w+ ){0,3}?(?:reviewed|checked) by\b|\bhave not (?:\w+ ){0,2}?reviewed\b"
)

#: What makes a rule about something other than all contributions.
LOW_QUALITY = re.compile(
    r"\b(?:low|poor|bad) (?:quality|effort)\b|\b(?<!as )spam\w*\b|\bslop\b|\bgarbage\b|\buntested\b"
    r"|\bunverified\b"
    r"|\bunsolicited\b|\bhallucinat\w+|\bplagiari\w+|\bdrive by\b|\bbulk\b|\bmass\b"
    r"|\bblind(?:ly)?\b"
    r"|\braw\b|\bverbatim\b|\bundisclosed\b|\bunattributed\b|\bcareless\w*\b|\blazy\b|\bnonsens\w+"
    r"|\bundocumented\b|\blarge\b(?! language)|\bobvious(?:ly)?\b|\bunhelpful\b|\bwaste\b"
)
EXCEPTION = re.compile(
    r"\bwithout (?:\w+ ){0,4}?(?:disclos\w+|attribut\w+|declar\w+|label\w*|mention\w*"
    r"|stating|saying"
    r"|marking|understanding|testing|verif\w+|explain\w*|indicat\w+|acknowledg\w+|first"
    r"|tests?|check\w*)"
    r"|\bunless (?:the |your )?(?:user|operator)\b"
    r"|\bunless (?!(?:\w+ ){0,6}?(?:approv\w+|permission|permitted|asked|agreed|invited"
    r"|maintainer\w*|core|requested|allowed|consent))"
    r"|\b(?!ask|asks|asking|but|and|or)\w+ (?:you|they|the author|the contributor"
    r"|contributors?|the submitter|authors?) "
    r"(?:\w+ ){0,3}?(?:not|never|unable)\b(?! (?:used?|write|wr[io]tten|author(?:ed)?)\b)"
    r"|\b(?:you|they|author|contributor|submitter)s? (?:do|does|can|could|have"
    r"|has) not (?:\w+ ){0,2}?"
    r"(?:understand|explain|test|verif|read|defend|justify|stand behind|review)"
    r"|\bthat (?:is|are|was|has|have|were|do|does) (?:\w+ ){0,2}?not\b"
    r"|\bif (?:it|they|this|the)\b(?! (?:is|are) (?:found|discovered|detected|noticed))"
    r"|\b(?:before|until) (?:you|they|it has|it is|he|she|(?:a|an|the) (?:maintainer|reviewer|human"
    r"|person|author|contributor|submitter)|someone|somebody)\b"
    r"|\b(?:hid(?:e|es|ing)|mask(?:ing)?|conceal(?:ing)?|disguis(?:e|ing)|misrepresent(?:ing)?)\b"
    r"|\bas (?:your|one s|their) own\b|\bwho (?:\w+ ){0,6}?not (?:\w+ )?(?:disclos|declar|say)"
    r"|\bnot (?:been )?(?:disclosed|tested|understood)\b|\bfails? to\b"
    r"|\b(?:other than|except|except for|apart from) code\b"
    r"|\bwithout prior (?:context|discussion)\b|\b(?:violat(?:e|ed|ing)|ignor\w+)\b"
)
DISCRETION = re.compile(
    r"\b(?:may|might|could|can) (?:also |then |still |simply |be )*(?:clos|reject|declin|delet"
    r"|refus|ban|block|remov|ignor)"
    r"|\breserves? the right\b|\blikely\b|\bprefer(?:red|ably)?\b|\busually\b|\btypically\b"
    r"|\bgenerally\b"
)
NOT_A_BAN = re.compile(
    r"\b(?:not|never|no|nor|without|rather than|instead of) (?:\w+ ){0,3}?"
    r"(?:ban|bans|banned|banning|prohibit\w*|forbid\w*|forbidden|disallow\w*|outlaw\w*"
    r"|reject\w*|refus\w*|declin\w*|turned|police|closed|objection\w*|prohibition\w*)\b"
    r"|\bnot (?:necessarily|only|just|solely|merely|mean|automatically|categorically"
    r"|inherently|required?|need\w*|mandatory|matter|care|guarantee\w*)\b"
    r"|\b(?:not|as) an? (?:\w+ )?(?:substitute|replacement|reason|excuse|justification|answer"
    r"|explanation|argument|ban|prohibition|requirement|guarantee)\b"
    r"|\b(?:projects?|repositories|communities|organi[sz]ations) (?:that|which|who)\b"
    r"|\b(?:position|stance|decision|view|opinion|statement|question) (?:on|about|of) whether\b"
    r"|\b(?:some|other|many|several|few|most|certain) (?:\w+ )?(?:projects?|communities"
    r"|repositories|maintainers)\b"
    r"|\bno (?:need|requirement|difference|problem|issue|obligation|special|distinction"
    r"|restrictions?|limits?|additional)\b"
    r"|\b(?:i|we) (?:did|have|do|will) not used?\b|\bnot prevent\b|\badvise against\b"
    r"|\bdo not (?:mind|care|hesitate|worry|distinguish|discriminate|require|have to)\b"
    r"|\b(?:generated|written|assisted|made|ai|llms?) or (?:not|otherwise)\b"
    r"|\bif we\b(?! (?:find|discover|detect|notice|learn|suspect|believe|think))"
    r"|\bno (?:\w+ )?(?:policy|policies|rules?|ban) against\b"
    r"|\b(?:decided|voted) (?:against|not)\b|\bdifferently\b|\bwith or without\b"
    r"|\bnot against\b|\bnothing against\b"
)
OTHER_TOPIC = re.compile(
    r"\b(?:to|for) train(?:ing)?\b|\btrain (?:\w+ ){0,2}?(?:ai|models?|llms?)\b"
    r"|\bfine ?tun\w+|\bscrap(?:e|es|ing)\b|\bcrawl\w*|\bdatasets?\b"
    r"|\bco author\w*|\bsigned off by\b|\btrailers?\b|\bfooters?\b|\battributions?\b"
    r"|\b(?:in|on|from|to) your (?:\w+ )?(?:repo\w*|projects?|organi[sz]ation)\b"
    r"|\b(?:api|secret|access) keys?\b|\bsecrets?\b|\bcredentials?\b"
    r"|\b(?:confidential|sensitive|personal|private) (?:data|information|code)\b"
    r"|\bdirectly in (?:prs|pull requests)\b|\breview tools?\b|\ba list of\b|\bvolume\b"
    r"|\bcommunicat(?:e|ing)\b|\bwide scale\b"
    r"|\bgood first issues?\b|\bsystem prompts?\b|\bprompt injection\b"
    r"|\b(?:users?|customers?|players?|model|assistant|chatbot)s? "
    r"(?:data|input|responses?|output|messages?)\b"
    r"|\b(?:to|into|on) (?:the )?(?:main|master|production)\b(?! repo)"
    r"|\bin (?:unit |the )?(?:tests|production|vendor\w*|migrations?)\b"
)
#: What is sent to a project besides contributions.
OTHER_SUBMISSION = (
    r"(?:issues?|bug reports?|reports?|security reports?|vulnerabilit\w+|comments?"
    r"|discussions?|translations?"
    r"|artworks?|arts?|assets?|media|images?|icons?|avatars?|videos?|music|audio|sounds?"
    r"|messages?|emails?"
    r"|reviews?|replies|answers?"
    r"|questions?|descriptions?|proposals?|posts?|articles?|feature requests?|tickets?"
    r"|responses?|conversations?|communication)"
)
OTHER_ONLY = re.compile(
    rf"{AI} {_MADE} (?:\w+ ){{0,2}}?{OTHER_SUBMISSION}\b|\b{OTHER_SUBMISSION}\b{_SPAN} (?:by"
    rf"|with|using|from) {_SPAN}{AI}"
    rf"|{AI} (?:\w+ )?(?:as|for) (?:the |a |an |your )?{OTHER_SUBMISSION}\b"
    rf"|{AI} {OTHER_SUBMISSION}\b|\b{OTHER_SUBMISSION}\b{_SPAN} {AI} {_MADE}"
)

PERMITS = re.compile(
    rf"(?:{AI_WORK}|{AI_USE}|{AI} {_MADE} \w+|{AI})[^.;]{{0,40}}? (?:is"
    rf"|are) (?:\w+ly )*(?:also |very |more than |totally |perfectly )*"
    r"(?:allowed|welcome|welcomed|permitted|accepted|acceptable|fine|ok|okay|encouraged"
    r"|supported)\b"
    rf"|\b(?:we|project|i) (?:also )?(?:welcomes?|allows?|accepts?|permits?|encourages?"
    rf"|embraces?|supports?)\b[^.;]{{0,40}}?(?:{AI_WORK}|{AI_USE}|{AI} {_MADE} \w+)"
    rf"|\b(?:you|contributors|developers) (?:may|can|are free to|are welcome to"
    rf"|are encouraged to) (?:\w+ )?use\b[^.;]{{0,60}}?{AI}"
    rf"|\bfeel free to use\b[^.;]{{0,60}}?{AI}"
)
CONDITION = re.compile(
    r"\b(?:disclos\w+|declar\w+|label\w*|assisted by|generated by|attribut\w+|acknowledg\w+"
    r"|transparen\w+|indicat\w+)\b"
    r"|\b(?:must|should|please|need to|needs to|have to|required to"
    r"|responsible) (?:\w+ ){0,6}?(?:review\w*|understand|understood|test\w*|verif\w+|state"
    r"|mention|explain)"
    r"|\bhuman in the loop\b|\bhuman (?:review|oversight|supervision)\b"
)
