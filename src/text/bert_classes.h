// The classes of characters that BERT's rules speak of, as Hugging Face's tokenizers has them: by the general
// categories of Unicode 8.0.
#pragma once
#include <stdint.h>

typedef enum BertClass { BERT_NONE, BERT_MARK, BERT_PUNCTUATION, BERT_CONTROL } BertClass;

// Mn; P and every ASCII symbol; Cc, Cf and Co. Nothing for what is no code point.
BertClass bert_class(uint32_t code);
