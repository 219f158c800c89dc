-- What is about to run out, or has: the rows a replenishment would start with.
SELECT store_id, sku_id, on_hand
FROM ice.${namespace}.inventory
WHERE store_id > 0 AND sku_id < 9000001 AND NOT deleted AND on_hand <= 3
ORDER BY on_hand, store_id, sku_id
LIMIT 100;
